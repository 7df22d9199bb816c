"""The puller is a part of an installation that names a file of sources, and of no other."""

from pathlib import Path
from threading import Event

import pytest

from schemas.errors import SettingsError
from streams.process_tree import parts_of
from streams.puller_service import run_puller
from streams.settings import Settings, environment_of, read_settings


def test_a_puller_without_a_file_says_which_variable_names_one() -> None:
    with pytest.raises(SettingsError, match="SUTURE_PULL names no file"):
        run_puller(Settings(bootstrap="nobody:1"), Event())


def test_a_puller_whose_file_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.yaml: cannot be read"):
        run_puller(Settings(bootstrap="nobody:1", pull=tmp_path / "gone.yaml"), Event())


def test_an_installation_has_a_puller_where_sources_are_listed() -> None:
    listed = read_settings({"SUTURE_PULL": "infra/pull.yaml"})
    assert parts_of(listed)["puller"] == ["puller"]
    assert "puller" not in parts_of(Settings())
    assert environment_of(listed)["SUTURE_PULL"] == "infra/pull.yaml"
