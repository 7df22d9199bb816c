from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.dev import slack_server
from infra.dev.slack_server import SlackServer
from schemas.errors import SettingsError
from streams import cli, cli_slack
from streams.doctor import Health
from streams.settings import read_settings
from streams.slack_parts import examine_slack, slack_channel, slack_socket
from streams.slack_settings import SlackSettings, read_slack_settings

TOKEN = "xoxb-1-stand-in"
GIVEN = {"SUTURE_SLACK_TOKEN": TOKEN, "SUTURE_SLACK_CHANNELS": "prod=C0123ABC, *=C0456DEF"}


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with slack_server.running() as server:
        yield server


def variables(slack: SlackServer, **others: str) -> dict[str, str]:
    return {
        "SUTURE_SLACK_TOKEN": slack.token,
        "SUTURE_SLACK_CHANNELS": "prod=C0PROD0001,*=C0OTHER001",
        "SUTURE_SLACK_URL": slack.url,
        **others,
    }


def found(given: Mapping[str, str]) -> dict[str, Health]:
    return {one.check: one.health for one in examine_slack(read_slack_settings(given))}


def test_nothing_given_asks_nobody() -> None:
    assert read_slack_settings({}) == SlackSettings()


def test_channels_are_named_by_environment() -> None:
    assert dict(read_slack_settings(GIVEN).channels) == {"prod": "C0123ABC", "*": "C0456DEF"}


def test_an_environment_may_hold_an_equals_sign() -> None:
    settings = read_slack_settings({**GIVEN, "SUTURE_SLACK_CHANNELS": "a=b=C0123ABC"})
    assert settings.channels == (("a=b", "C0123ABC"),)


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    given = {"SUTURE_SLACK_TOKEN_FILE": str(file), "SUTURE_SLACK_CHANNELS": "*=C0123ABC"}
    assert read_slack_settings(given).token == TOKEN


def test_two_signing_secrets_count_while_one_is_replaced() -> None:
    given = {"SUTURE_SLACK_SIGNING_SECRET": "0123456789abcdef\nfedcba9876543210\n"}
    assert read_slack_settings(given).signing_secrets == (b"0123456789abcdef", b"fedcba9876543210")


def test_the_installations_settings_hold_slacks() -> None:
    assert read_settings(GIVEN).slack == read_slack_settings(GIVEN)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SUTURE_SLACK_TOKEN", "xoxp-of-a-user", "expected xoxb-"),
        ("SUTURE_SLACK_TOKEN", "xoxb-with a blank", "expected xoxb-"),
        ("SUTURE_SLACK_TOKEN", "", "only one of"),
        ("SUTURE_SLACK_APP_TOKEN", TOKEN, "expected xapp-"),
        ("SUTURE_SLACK_SIGNING_SECRET", "short", "has 5 bytes"),
        ("SUTURE_SLACK_CHANNELS", "prod=releases", "expected ENVIRONMENT=ID"),
        ("SUTURE_SLACK_CHANNELS", "C0123ABC", "environment name is empty"),
        ("SUTURE_SLACK_CHANNELS", "prod=C0123ABC,prod=C0456DEF", "names prod twice"),
        ("SUTURE_SLACK_CHANNELS", "", "only one of"),
        ("SUTURE_SLACK_TEAM", "suture.slack.com", "expected a workspace's id"),
        ("SUTURE_SLACK_URL", "slack.example", "expected https://"),
        ("SUTURE_SLACK_URL", "http://slack.example/api/", "expected https://"),
        ("SUTURE_SLACK_URL", "https:///api/", "expected https://"),
        ("SUTURE_SLACK_TOKEN_FILE", "/nowhere/token", "names /nowhere/token"),
    ],
)
def test_a_variable_that_holds_what_it_must_not_is_named_and_never_repeated(
    name: str, value: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said) as raised:
        read_slack_settings({**GIVEN, name: value})
    assert "xoxp" not in str(raised.value)
    assert TOKEN not in str(raised.value)


def test_an_apps_token_without_a_bots_is_refused() -> None:
    with pytest.raises(SettingsError, match="without SUTURE_SLACK_TOKEN"):
        read_slack_settings({"SUTURE_SLACK_APP_TOKEN": "xapp-1"})


def test_settings_show_no_secret() -> None:
    given = {
        **GIVEN,
        "SUTURE_SLACK_APP_TOKEN": "xapp-1-secret",
        "SUTURE_SLACK_SIGNING_SECRET": "0123456789abcdef",
    }
    shown = repr(read_slack_settings(given))
    assert not any(secret in shown for secret in (TOKEN, "xapp-1-secret", "0123456789abcdef"))


def test_what_is_configured_asks_and_listens(slack: SlackServer) -> None:
    settings = read_slack_settings(variables(slack, SUTURE_SLACK_APP_TOKEN=slack.app_token))
    assert slack_channel(settings, {}).name == "slack"
    assert slack_socket(settings, lambda _: None) is not None
    assert slack_socket(read_slack_settings(variables(slack)), lambda _: None) is None


def test_a_check_of_what_works_finds_nothing_wrong_and_posts_nothing(slack: SlackServer) -> None:
    given = variables(slack, SUTURE_SLACK_APP_TOKEN=slack.app_token, SUTURE_SLACK_TEAM=slack.team)
    assert found(given) == {
        "token": Health.OK,
        "channel of prod": Health.OK,
        "channel of *": Health.OK,
        "answers": Health.OK,
    }
    assert slack.called("chat.postMessage") == []


def test_a_check_without_a_token_is_skipped() -> None:
    assert found({}) == {"token": Health.SKIPPED}


def test_a_check_with_a_token_that_was_revoked_says_so(slack: SlackServer) -> None:
    assert found({**variables(slack), "SUTURE_SLACK_TOKEN": "xoxb-revoked"}) == {"token": Health.FAILED}


def test_a_check_names_the_channel_that_the_bot_was_not_invited_to(slack: SlackServer) -> None:
    slack.rooms["C0OTHER001"].has_bot = False
    checked = found(variables(slack))
    assert checked["channel of *"] is Health.FAILED
    assert checked["channel of prod"] is Health.OK


def test_a_check_warns_where_no_answer_could_be_heard(slack: SlackServer) -> None:
    assert found(variables(slack))["answers"] is Health.WARNING
    secret = {"SUTURE_SLACK_SIGNING_SECRET": slack.signing_secret}
    assert found({**variables(slack), **secret})["answers"] is Health.OK


def test_a_check_fails_where_socket_mode_is_not_allowed(slack: SlackServer) -> None:
    slack.scopes -= {"connections:write"}
    given = variables(slack, SUTURE_SLACK_APP_TOKEN=slack.app_token)
    assert found(given)["answers"] is Health.FAILED


def test_a_check_warns_of_answers_that_another_workspace_would_give(slack: SlackServer) -> None:
    assert found(variables(slack, SUTURE_SLACK_TEAM="T0OTHER001"))["workspace"] is Health.WARNING


def test_the_command_ends_with_1_when_something_fails(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables(slack).items():
        monkeypatch.setenv(name, value)
    assert CliRunner().invoke(cli_slack.app, ["check"]).exit_code == 0
    slack.rooms["C0PROD0001"].has_bot = False
    failed = CliRunner().invoke(cli_slack.app, ["check", "--json"])
    assert failed.exit_code == 1
    assert '"channel of prod"' in failed.stdout


def test_the_command_is_one_of_sutures() -> None:
    groups = {group.name: group.typer_instance for group in cli.app.registered_groups}
    assert groups["slack"] is cli_slack.app
