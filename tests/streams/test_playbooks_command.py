"""`suture playbooks`: what a person sees of them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.errors import SettingsError
from streams.cli import app

BROKEN = "name: mine\nversion: 1\nabout: x\npatterns: [crash_loop]\nsteps: [{name: a, does: fly}]\n"


def test_the_shipped_playbooks_are_listed_for_people_and_for_machines() -> None:
    told = CliRunner().invoke(app, ["playbooks", "list"], env={"COLUMNS": "200"})
    assert "restart-crashed-pod@1" in told.stdout
    found = json.loads(CliRunner().invoke(app, ["playbooks", "list", "--json"]).stdout)
    assert {one["name"] for one in found} >= {"clear-cache", "rerun-migration", "scale-out", "undo-release"}


def test_a_playbook_is_shown_step_by_step_and_an_unknown_one_refused() -> None:
    told = CliRunner().invoke(app, ["playbooks", "show", "restart-crashed-pod"]).stdout
    assert "1. replace the pod: delete pod" in told
    assert "2. restart all pods: restart" in told
    assert "a human must agree" in told
    refused = CliRunner().invoke(app, ["playbooks", "show", "nothing"])
    assert isinstance(refused.exception, SettingsError)


def test_an_installations_mistakes_are_told_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text(BROKEN, encoding="utf-8")
    monkeypatch.setenv("SUTURE_PLAYBOOKS", str(tmp_path))
    refused = CliRunner().invoke(app, ["playbooks", "check"])
    assert 'mine.yaml:5: steps[0].does: is "fly", expected' in str(refused.exception)
    monkeypatch.delenv("SUTURE_PLAYBOOKS")
    assert "are in order" in CliRunner().invoke(app, ["playbooks", "check"]).stdout
