"""Settings of who may ask the gateway, and of what is shown to one: a part of `streams.settings`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import SettingsError

_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """Which of the gateway's doors stand open, and what opens others'.

    Attributes:
        read_open: Verdicts, releases and holds are told without a token, for a gateway behind a network
            policy; else a token with scope `read` is asked for. `SUTURE_READ_OPEN`.
        deploy_open: Deploys and events are taken without a token, likewise; else scope `deploy`.
            `SUTURE_DEPLOY_OPEN`.
        token: What this side shows a gateway, for `suture ci`. `SUTURE_TOKEN`, or a file's name in
            `SUTURE_TOKEN_FILE`.
    """

    read_open: bool = True
    deploy_open: bool = True
    token: str = field(default="", repr=False)


def read_access_settings(given: Mapping[str, str]) -> AccessSettings:
    """Return the settings that the environment gives.

    Raises:
        SettingsError: a variable holds what it must not; never repeats a token.
    """
    return AccessSettings(
        read_open=_truth(given, "SUTURE_READ_OPEN"),
        deploy_open=_truth(given, "SUTURE_DEPLOY_OPEN"),
        token=_token(given),
    )


def _truth(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "").strip().lower() or "true"
    if text not in _WORDS:
        raise SettingsError(f"{name} is {text!r}, expected true or false")
    return _WORDS[text]


def _token(given: Mapping[str, str]) -> str:
    file, token = given.get("SUTURE_TOKEN_FILE", "").strip(), given.get("SUTURE_TOKEN", "").strip()
    if file:
        try:
            token = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"SUTURE_TOKEN_FILE names {file}, which cannot be read as text") from error
    if not token.isascii() or not token.isprintable() or " " in token:
        # httpx would name the character in its own error.
        raise SettingsError("SUTURE_TOKEN holds a blank or another character than ASCII, which no header can")
    return token
