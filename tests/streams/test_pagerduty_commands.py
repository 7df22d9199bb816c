"""`suture pagerduty`: an account is prepared once, looked at often, and its secret kept from others."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from actions.people.pagerduty_setup import EVENTS, OPTIONS
from infra.dev import pagerduty_state
from infra.dev.pagerduty_server import ROUTING_KEY, TOKEN, PagerDuty
from schemas.errors import SettingsError
from streams.cli import app
from streams.pagerduty_settings import read_pagerduty_settings
from tests.actions.pagerduty_site import pagerduty

__all__ = ["pagerduty"]

HOOK = "https://suture.example/v1/webhooks/pagerduty"
GOOD = {
    "SUTURE_PAGERDUTY_TOKEN": "u+x",
    "SUTURE_PAGERDUTY_FROM": "suture@example.com",
    "SUTURE_PAGERDUTY_SERVICE": "PF9KMXH",
    "SUTURE_PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
}


def run(server: PagerDuty, *arguments: str, **more: str) -> Result:
    # Nothing of the surrounding environment is let in.
    known = dict.fromkeys((name for name in os.environ if name.startswith("SUTURE_")), "")
    return CliRunner().invoke(app, ["pagerduty", *arguments], env={**known, **server.environment, **more})


def test_an_account_is_prepared_once(pagerduty: PagerDuty, tmp_path: Path) -> None:
    pagerduty.account.fields.clear()
    file = tmp_path / "secrets"
    for _ in range(2):
        result = run(pagerduty, "setup", "--webhook", HOOK, "--secret-file", str(file))
        assert result.exit_code == 0, result.output
    assert pagerduty.account.fields == {"rollback_decision": OPTIONS}
    (made,) = pagerduty.account.subscriptions.values()
    assert (made.url, made.events) == (HOOK, EVENTS)
    assert file.read_text() == f"{made.secret}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert made.secret not in result.output
    pings = [path for _, path, _ in pagerduty.requests if path.endswith("/ping")]
    assert len(pings) == 2
    # What the stand-in makes of its own accord, and what we make, are the same.
    assert pagerduty_state.OPTIONS == OPTIONS


def test_the_secret_is_shown_to_who_asks_for_it(pagerduty: PagerDuty, tmp_path: Path) -> None:
    result = run(pagerduty, "setup", "--webhook", HOOK, "--secret-file", str(tmp_path / "s"), "--show-secret")
    (made,) = pagerduty.account.subscriptions.values()
    assert made.secret in result.output


def test_a_file_that_others_may_read_gets_no_secret(pagerduty: PagerDuty, tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.touch(mode=0o644)
    result = run(pagerduty, "setup", "--webhook", HOOK, "--secret-file", str(file))
    assert isinstance(result.exception, SettingsError)
    assert "expected 600" in str(result.exception)
    # It was seen before there was a secret to lose.
    assert pagerduty.account.subscriptions == {}


def test_a_field_gets_the_options_that_it_lacks(pagerduty: PagerDuty) -> None:
    pagerduty.account.fields["rollback_decision"] = ("pending", "approve", "reject", "later")
    assert run(pagerduty, "check").exit_code == 1
    result = run(pagerduty, "setup")
    assert result.exit_code == 0, result.output
    assert set(OPTIONS) < set(pagerduty.account.fields["rollback_decision"] or ())


def test_a_field_of_another_kind_is_left_alone(pagerduty: PagerDuty) -> None:
    pagerduty.account.fields["rollback_decision"] = None
    result = run(pagerduty, "setup")
    assert "expected single_value_fixed" in str(result.exception)
    assert pagerduty.account.fields == {"rollback_decision": None}


def test_an_account_that_is_ready_passes(pagerduty: PagerDuty) -> None:
    pagerduty.subscribe(HOOK, "s" * 32)
    result = run(pagerduty, "check", SUTURE_PAGERDUTY_WEBHOOK_SECRETS="s" * 32)
    assert result.exit_code == 0, result.output
    assert "missing" not in result.output
    assert TOKEN not in result.output
    assert ROUTING_KEY not in result.output


def test_everything_that_is_missing_is_said_at_once(pagerduty: PagerDuty) -> None:
    pagerduty.account.fields.clear()
    result = run(
        pagerduty, "check", SUTURE_PAGERDUTY_SERVICE="PELSEWH", SUTURE_PAGERDUTY_FROM="nobody@example.com"
    )
    assert result.exit_code == 1
    missing = [line for line in result.output.splitlines() if line.startswith("missing: ")]
    assert len(missing) == 5
    for part in ("service PELSEWH", "nobody@example.com", "custom field", "webhook subscription", "secret"):
        assert any(part in line for line in missing)


def test_a_subscription_that_pagerduty_turned_off_is_turned_on_again(pagerduty: PagerDuty) -> None:
    subscription = pagerduty.subscribe(HOOK, "s" * 32)
    subscription.is_disabled = True
    first = run(pagerduty, "check", SUTURE_PAGERDUTY_WEBHOOK_SECRETS="s" * 32)
    assert first.exit_code == 1
    assert "is on again" in first.output
    assert not subscription.is_disabled
    assert run(pagerduty, "check", SUTURE_PAGERDUTY_WEBHOOK_SECRETS="s" * 32).exit_code == 0


def test_without_a_token_the_commands_say_what_they_need(pagerduty: PagerDuty) -> None:
    result = run(pagerduty, "check", SUTURE_PAGERDUTY_TOKEN="")
    assert "SUTURE_PAGERDUTY_TOKEN is not set" in str(result.exception)


def test_settings_are_read_and_repeat_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text("the first secret of two\n\n the second secret of two \n")
    found = read_pagerduty_settings(
        {
            **GOOD,
            "SUTURE_PAGERDUTY_WEBHOOK_SECRETS_FILE": str(file),
            "SUTURE_PAGERDUTY_URL": "https://api.eu.pagerduty.com/",
            "SUTURE_PAGERDUTY_FIELD": "none",
            "SUTURE_PAGERDUTY_ESCALATION_LEVEL": "2",
        }
    )
    assert found.webhook_secrets == (b"the first secret of two", b"the second secret of two")
    assert (found.url, found.decision_field, found.escalation_level) == (
        "https://api.eu.pagerduty.com",
        "",
        2,
    )
    assert found.asks
    assert found.tells
    for secret in ("u+x", ROUTING_KEY, "first secret"):
        assert secret not in repr(found)
    nothing = read_pagerduty_settings({})
    assert not nothing.asks
    assert not nothing.tells


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUTURE_PAGERDUTY_TOKEN", "one\ntwo"),
        ("SUTURE_PAGERDUTY_TOKEN", "tökén"),
        ("SUTURE_PAGERDUTY_FROM", "nobody"),
        ("SUTURE_PAGERDUTY_FROM", "a@b.co\r\nX: y"),
        ("SUTURE_PAGERDUTY_SERVICE", "../users"),
        ("SUTURE_PAGERDUTY_SERVICE", ""),
        ("SUTURE_PAGERDUTY_ROUTING_KEY", "short-and-secret"),
        ("SUTURE_PAGERDUTY_URL", "http://api.pagerduty.com"),
        ("SUTURE_PAGERDUTY_EVENTS_URL", "events.pagerduty.com"),
        ("SUTURE_PAGERDUTY_CA", "/no/such/file"),
        ("SUTURE_PAGERDUTY_FIELD", "a field"),
        ("SUTURE_PAGERDUTY_ESCALATION_LEVEL", "-1"),
        ("SUTURE_PAGERDUTY_ESCALATION_LEVEL", "21"),
        ("SUTURE_PAGERDUTY_WEBHOOK_SECRETS", "short"),
        ("SUTURE_PAGERDUTY_WEBHOOK_SECRETS_FILE", "/no/such/file"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as told:
        read_pagerduty_settings({**GOOD, name: value})
    for secret in ("tökén", "short-and-secret"):
        assert secret not in str(told.value)
