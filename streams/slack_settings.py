"""Settings for asking people in Slack: a part of `streams.settings`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from schemas.errors import SchemaError, SettingsError
from schemas.names import environment_name
from schemas.webhook_signatures import SHORTEST_SECRET
from streams.secret_settings import secret_text

_SLACK = "https://slack.com/api/"
_EVERY = "*"
_LOCAL = ("127.0.0.1", "::1", "localhost")
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{2,30}")
_TEAM = re.compile(r"[TE][A-Z0-9]{2,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSettings:
    """Where people are asked, and what proves who they are. Without a token nobody is asked.

    A secret has its own variable, or a file's name in the same with `_FILE` behind it.

    Attributes:
        token: Of the bot, `xoxb-...`. `SUTURE_SLACK_TOKEN`.
        signing_secrets: What the app's interactions are signed with, one a line: any counts while one is
            being replaced. Without one the gateway takes none. `SUTURE_SLACK_SIGNING_SECRET`.
        app_token: Of the app, `xapp-...`: answers come through Socket Mode; "" for over HTTP alone.
            `SUTURE_SLACK_APP_TOKEN`.
        channels: Ids of channels by environment; `*` for every other one. `SUTURE_SLACK_CHANNELS` as
            `prod=C0123,*=C0456`.
        teams: Workspaces whose people may answer; none for any in which the app is installed.
            `SUTURE_SLACK_TEAM`, comma-separated.
        url: Of the Web API. `SUTURE_SLACK_URL`.
    """

    token: str = ""
    signing_secrets: tuple[bytes, ...] = ()
    app_token: str = ""
    channels: tuple[tuple[str, str], ...] = ()
    teams: tuple[str, ...] = ()
    url: str = _SLACK

    def __repr__(self) -> str:
        """Return what may be shown: never a secret."""
        return f"SlackSettings(channels={self.channels!r}, teams={self.teams!r}, url={self.url!r})"


def read_slack_settings(given: Mapping[str, str]) -> SlackSettings:
    """Return the settings that the environment gives.

    Raises:
        SettingsError: a variable holds what it must not; never repeats a secret.
    """
    found = SlackSettings(
        token=_token(given, "SUTURE_SLACK_TOKEN", "xoxb-"),
        signing_secrets=_signing_secrets(given),
        app_token=_token(given, "SUTURE_SLACK_APP_TOKEN", "xapp-"),
        channels=_channels(given.get("SUTURE_SLACK_CHANNELS", "")),
        teams=_teams(given.get("SUTURE_SLACK_TEAM", "")),
        url=_address(given.get("SUTURE_SLACK_URL", "").strip()),
    )
    if bool(found.token) != bool(found.channels):
        raise SettingsError(
            "only one of SUTURE_SLACK_TOKEN and SUTURE_SLACK_CHANNELS is set, expected both or none"
        )
    if found.app_token and not found.token:
        raise SettingsError("SUTURE_SLACK_APP_TOKEN is set without SUTURE_SLACK_TOKEN, expected both")
    return found


def _token(given: Mapping[str, str], name: str, prefix: str) -> str:
    text = secret_text(given, name).strip()
    if text and not (text.startswith(prefix) and text.isascii() and all(33 <= ord(c) < 127 for c in text)):
        raise SettingsError(f"{name} is no such token, expected {prefix}...")
    return text


def _signing_secrets(given: Mapping[str, str]) -> tuple[bytes, ...]:
    name = "SUTURE_SLACK_SIGNING_SECRET"
    secrets = [line.strip().encode() for line in secret_text(given, name).splitlines() if line.strip()]
    for secret in secrets:
        if len(secret) < SHORTEST_SECRET:
            raise SettingsError(f"{name} has {len(secret)} bytes, expected at least {SHORTEST_SECRET}")
    return tuple(secrets)


def _channels(text: str) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for part in (part.strip() for part in text.split(",") if part.strip()):
        name, equals, channel = (side.strip() for side in part.rpartition("="))
        try:
            environment = name if name == _EVERY else environment_name(name)
        except SchemaError as error:
            raise SettingsError(f"SUTURE_SLACK_CHANNELS has {part!r}: {error}") from error
        if not equals or not _CHANNEL.fullmatch(channel):
            raise SettingsError(
                f"SUTURE_SLACK_CHANNELS has {part!r}, expected ENVIRONMENT=ID, as prod=C0123ABC"
            )
        if environment in found:
            raise SettingsError(f"SUTURE_SLACK_CHANNELS names {environment} twice, expected it once")
        found[environment] = channel
    return tuple(found.items())


def _teams(text: str) -> tuple[str, ...]:
    teams = tuple(part.strip() for part in text.split(",") if part.strip())
    for team in teams:
        if not _TEAM.fullmatch(team):
            raise SettingsError(f"SUTURE_SLACK_TEAM has {team!r}, expected a workspace's id, as T0123ABC")
    return teams


def _address(text: str) -> str:
    parts = urlsplit(text)
    # The token goes along with every call.
    is_local = parts.scheme == "http" and parts.hostname in _LOCAL
    if text and not (parts.hostname and (parts.scheme == "https" or is_local)):
        raise SettingsError(
            f"SUTURE_SLACK_URL is {text!r}, expected https://, or http:// on this machine alone"
        )
    return f"{text.rstrip('/')}/" if text else _SLACK
