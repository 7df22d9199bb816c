"""The doctor says what is wrong and what to do about it, without a broker at hand."""

from pathlib import Path

import pytest

from streams.doctor import Finding, Health, examine, print_findings
from streams.settings import Settings

SECRET = "MDEyMzQ1Njc4OWFiY2RlZg=="


def finding(settings: Settings, check: str) -> Finding:
    (found,) = [found for found in examine(settings) if found.check == check]
    return found


def test_a_missing_broker_fails_and_says_how_to_name_one() -> None:
    broker = finding(Settings(), "broker")
    assert broker.health is Health.FAILED
    assert "KAFKA_BOOTSTRAP" in broker.seen
    assert "suture up" in broker.advice


def test_a_policy_with_a_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\ndefaults:\n  gate: {budgt: 3}\n")
    policy = finding(Settings(policy=file), "policy")
    assert policy.health is Health.FAILED
    assert "policy.yaml:3" in policy.seen


@pytest.mark.parametrize(
    ("keys", "health"),
    [("", Health.WARNING), (f"k1:{SECRET}", Health.OK), (f"k1:{SECRET[:8]}", Health.FAILED)],
)
def test_keys_are_judged_and_never_shown(keys: str, health: Health) -> None:
    found = finding(Settings(keys=keys), "signing keys")
    assert found.health is health
    assert SECRET[:8] not in found.seen


def test_the_codecs_that_collectors_use_can_be_read() -> None:
    assert finding(Settings(), "codecs").health is Health.OK


def test_a_kill_switch_that_is_on_is_shown_with_its_reason(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    assert finding(settings, "kill switch").health is Health.OK
    (tmp_path / "kill-switch").write_text("the database is moving (ann)")
    found = finding(settings, "kill switch")
    assert found.health is Health.WARNING
    assert found.seen.endswith("the database is moving (ann)")
    assert "--here --off" in found.advice


def test_a_list_of_runbooks_with_a_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "runbooks.yaml"
    file.write_text("version: 1\nscripts:\n  heal: {file: gone.py}\n")
    found = finding(Settings(runbooks=file), "runbooks")
    assert found.health is Health.FAILED
    assert "runbooks.yaml:3: scripts.heal.file: is " in found.seen
    (tmp_path / "gone.py").touch()
    assert finding(Settings(runbooks=file), "runbooks").health is Health.OK
    assert finding(Settings(), "runbooks").health is Health.SKIPPED


def test_the_exit_code_tells_whether_a_check_failed(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [
        Finding(check="a", health=Health.OK, seen="x"),
        Finding(check="b", health=Health.SKIPPED, seen="y"),
    ]
    assert print_findings(findings, as_json=True) == 0
    assert '"check": "a"' in capsys.readouterr().out
    failed = [*findings, Finding(check="c", health=Health.FAILED, seen="z", advice="mend it")]
    assert print_findings(failed, as_json=False) == 1
    assert "mend it" in capsys.readouterr().out


def test_an_installation_that_tells_nobody_is_told_how_to() -> None:
    notifier = finding(Settings(), "notifier")
    assert notifier.health is Health.SKIPPED
    assert "SUTURE_NOTIFY_" in notifier.advice
