"""Playbooks in YAML: the shipped ones, an installation's own, and what is wrong with a file."""

from dataclasses import replace
from pathlib import Path

import pytest

from actions.playbook_files import load_playbooks, parse_playbook, with_playbooks
from schemas.errors import SettingsError
from schemas.failures import FailurePattern
from schemas.policy import GateSettings, default_policy

OWN = """
name: clear-cache
version: 7
about: ask our own tool
patterns: [cache_full]
steps:
  - name: ask it
    does: call_http
    parameters: {runbook: flush, service: "{service}"}
"""


def test_every_pattern_but_other_peoples_alerts_has_a_shipped_playbook() -> None:
    shipped = load_playbooks(None)
    covered = {pattern for spec in shipped for pattern in spec.patterns}
    assert covered == set(FailurePattern) - {FailurePattern.ALERT}
    assert [spec.name for spec in shipped] == sorted(spec.name for spec in shipped)


def test_an_installations_own_playbook_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "clear.yaml").write_text(OWN, encoding="utf-8")
    (found,) = [spec for spec in load_playbooks(tmp_path) if spec.name == "clear-cache"]
    assert found.label == "clear-cache@7"


def test_every_mistake_of_a_playbook_is_told_with_its_line() -> None:
    with pytest.raises(SettingsError) as refused:
        parse_playbook(
            "name: Clear Cache\nversion: 0\nabot: x\npatterns: [fire]\nsteps:\n  - does: scale\n    wen: {}\n"
        )
    told = str(refused.value).splitlines()
    assert told[0] == "playbook.yaml:1: about: is missing"
    assert told[1] == "playbook.yaml:2: version: is 0, expected greater than or equal to 1"
    assert told[2] == "playbook.yaml:3: abot: is no known key, did you mean about?"
    assert told[3].startswith('playbook.yaml:4: patterns[0]: is "fire", expected ')
    assert "playbook.yaml:7: steps[0].wen: is no known key, did you mean when?" in told


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("{name: a, does: resume_sync}", "is resume_sync, expected one of"),
        ("{name: a, does: set_config, parameters: {key: k}}", "lacks config_map"),
        ("{name: a, does: restart, parameters: {hard: 'yes'}}", "has hard, expected none"),
        ("{name: a, does: run_script}", "names no runbook"),
        ("{name: a, does: undo}", "expected a playbook whose occasion is a release"),
        ("{name: a, does: restart, otherwise: next}", "goes on after its last step"),
    ],
)
def test_a_step_that_cannot_be_ordered_is_refused(step: str, words: str) -> None:
    text = f"name: a\nversion: 1\nabout: b\npatterns: [crash_loop]\nsteps: [{step}]\n"
    with pytest.raises(SettingsError, match=words):
        parse_playbook(text)


def test_a_policy_that_names_a_playbook_which_is_not_there_is_refused() -> None:
    policy = default_policy()
    rule = replace(policy.rules["*/*"], gate=GateSettings(playbooks=("clear-cash",)))
    with pytest.raises(SettingsError, match="names clear-cash, expected some of abort-canary"):
        with_playbooks(replace(policy, rules={"*/*": rule}), load_playbooks(None))


def test_nothing_that_is_no_playbook_gets_through(tmp_path: Path) -> None:
    for text in ("", "- a", "name: [", "just text"):
        with pytest.raises(SettingsError):
            parse_playbook(text)
    with pytest.raises(SettingsError, match="is no folder"):
        load_playbooks(tmp_path / "nowhere")
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(OWN, encoding="utf-8")
    with pytest.raises(SettingsError, match="which another file has, too"):
        load_playbooks(tmp_path)
