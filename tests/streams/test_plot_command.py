"""`suture plot`: files by their names, and what is said where nothing can be drawn."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from feature_store.why import ReleaseNotFoundError
from schemas.errors import SettingsError
from streams.cli import app
from tests.feature_store import stories
from tests.feature_store.script import write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path / "journal", stories.rolled_back_alone().effects)
    monkeypatch.setenv("SUTURE_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_release_is_drawn_into_each_file_that_is_named(folder: Path) -> None:
    answer = CliRunner().invoke(app, ["plot", "cart", "1.4.2", "--output", "a.png", "--output", "b.html"])
    assert (answer.exit_code, answer.stdout.split()) == (0, ["a.png", "b.html"])
    assert (folder / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "b.html").read_bytes().startswith(b"<!doctype html>")


def test_without_a_name_the_page_is_named_after_the_question_and_stays_in_the_folder(folder: Path) -> None:
    answer = CliRunner().invoke(app, ["plot", "dev/cart", "1.4.2"])
    assert (answer.exit_code, answer.stdout.strip()) == (0, "dev-cart-1.4.2.html")


@pytest.mark.parametrize(
    ("words", "error", "why"),
    [
        ([], SettingsError, "expected RELEASE, --calibration or --dora"),
        (["cart", "--dora"], SettingsError, "several things"),
        (["cart", "--output", "a.gif"], SettingsError, "a.gif ends with .gif"),
        (["cart", "--output", "no/such/a.png"], SettingsError, "cannot be written"),
        (["stock"], ReleaseNotFoundError, "no release matches"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    folder: Path, words: list[str], error: type[Exception], why: str
) -> None:
    answer = CliRunner().invoke(app, ["plot", *words])
    assert isinstance(answer.exception, error)
    assert why in str(answer.exception)
