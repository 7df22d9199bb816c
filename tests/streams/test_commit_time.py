"""When a commit was made, as git says in the checkout that a pipeline's step runs in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli import app as command_line
from streams.commit_time import commit_time
from tests.actions.git_repository import GitRepository
from tests.streams.gateway_socket import Nowhere, serving

COMMITTED = datetime(2026, 11, 1, 3, tzinfo=UTC)


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "shop.git")


def test_a_commit_of_the_checkout_tells_when_it_was_made(repository: GitRepository) -> None:
    commit = repository.commit({"cart.py": "print()"})
    assert commit_time(commit, repository.folder) == COMMITTED
    assert commit_time(commit[:8], repository.folder) == COMMITTED


@pytest.mark.parametrize("commit", ["", "f" * 40, "--output=stolen", "no such\nthing", "a\0b"])
def test_a_commit_that_is_not_at_hand_is_unknown(repository: GitRepository, commit: str) -> None:
    repository.commit({"cart.py": "print()"})
    before = sorted(path.name for path in repository.folder.iterdir())
    assert commit_time(commit, repository.folder) is None
    assert sorted(path.name for path in repository.folder.iterdir()) == before


def test_outside_of_any_checkout_it_is_unknown(tmp_path: Path) -> None:
    assert commit_time("HEAD", tmp_path / "nowhere") is None


def test_the_command_tells_the_team_and_what_git_says_of_the_commit(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository.commit({"cart.py": "print()"})
    monkeypatch.chdir(repository.folder)
    took: list[bytes] = []

    class Taking(Nowhere):
        async def publish(self, *told: object) -> None:
            assert isinstance(told[2], bytes)
            took.append(told[2])

    with serving(publisher=Taking()) as gateway:
        asked = ["--service", "cart", "--version", "1.4.2", "--environment", "prod", "--gateway", gateway.url]
        asked += ["--team", "checkout", "--commit", commit]
        for more in ([], ["--committed-at", "2026-11-02T00:00:00+01:00"], ["--committed-at", "yesterday"]):
            CliRunner().invoke(command_line, ["ci", "deploy", *asked, *more])
    told = [json.loads(value)["data"]["customData"]["suture"] for value in took]
    assert [(one["team"], one["committedAt"]) for one in told] == [
        ("checkout", "2026-11-01T03:00:00Z"),
        ("checkout", "2026-11-01T23:00:00Z"),
    ]
