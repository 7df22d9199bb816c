"""Settings for PagerDuty, read from the environment: a part of `streams.settings`."""

from collections.abc import Mapping
from pathlib import Path

from actions.people.pagerduty_settings import EVENTS, INCIDENT_TYPE, REST, PagerDutySettings
from schemas.errors import SettingsError
from schemas.pagerduty_callbacks import DECISION_FIELD
from schemas.webhook_signatures import SHORTEST_SECRET
from streams.secret_settings import secret_lines

__all__ = ["PagerDutySettings", "read_pagerduty_settings"]

_HIGHEST_LEVEL = 20
_LONGEST_FIELD = 50
_ROUTING_KEY = 32
_NO_FIELD = "none"


def read_pagerduty_settings(given: Mapping[str, str]) -> PagerDutySettings:
    """Return the settings that the environment gives.

    Raises:
        SettingsError: a variable holds what it must not; never repeats a secret.
    """
    found = PagerDutySettings(
        token=_secret(given, "SUTURE_PAGERDUTY_TOKEN"),
        sender=_text(given, "SUTURE_PAGERDUTY_FROM"),
        service=_text(given, "SUTURE_PAGERDUTY_SERVICE"),
        routing_key=_secret(given, "SUTURE_PAGERDUTY_ROUTING_KEY"),
        webhook_secrets=_secrets(given, "SUTURE_PAGERDUTY_WEBHOOK_SECRETS"),
        url=_address(given, "SUTURE_PAGERDUTY_URL") or REST,
        events_url=_address(given, "SUTURE_PAGERDUTY_EVENTS_URL") or EVENTS,
        authority=_file(given, "SUTURE_PAGERDUTY_CA"),
        decision_field=_field(given, "SUTURE_PAGERDUTY_FIELD"),
        incident_type=_text(given, "SUTURE_PAGERDUTY_INCIDENT_TYPE") or INCIDENT_TYPE,
        escalation_level=_level(given, "SUTURE_PAGERDUTY_ESCALATION_LEVEL"),
    )
    if found.token:
        if "@" not in found.sender:
            raise SettingsError(
                f"SUTURE_PAGERDUTY_FROM is {found.sender!r}, expected the email of a user of the account"
            )
        if not found.service.isalnum():
            raise SettingsError(
                f"SUTURE_PAGERDUTY_SERVICE is {found.service!r}, expected a service's id, such as PF9KMXH"
            )
    if found.routing_key and (len(found.routing_key) != _ROUTING_KEY or not found.routing_key.isalnum()):
        raise SettingsError(
            f"SUTURE_PAGERDUTY_ROUTING_KEY has {len(found.routing_key)} characters, "
            f"expected the {_ROUTING_KEY} of an integration key for the Events API v2"
        )
    return found


def _text(given: Mapping[str, str], name: str) -> str:
    text = given.get(name, "").strip()
    # It goes into a header, a path or a body, where no control character belongs.
    if not (text.isascii() and text.isprintable()):
        raise SettingsError(f"{name} holds a character that it cannot have, expected printable ASCII")
    return text


def _address(given: Mapping[str, str], name: str) -> str:
    text = _text(given, name)
    # The client takes no other, and tokens do not belong on the network as they are.
    if text and not text.startswith("https://"):
        raise SettingsError(f"{name} is {text!r}, expected an address that begins with https://")
    return text.rstrip("/")


def _file(given: Mapping[str, str], name: str) -> Path | None:
    text = given.get(name, "").strip()
    if text and not Path(text).is_file():
        raise SettingsError(f"{name} names {text}, which is no file, expected certificates in PEM")
    return Path(text) if text else None


def _field(given: Mapping[str, str], name: str) -> str:
    text = _text(given, name) or DECISION_FIELD
    if text == _NO_FIELD:
        return ""
    if len(text) > _LONGEST_FIELD or not text.replace("_", "a").isalnum():
        raise SettingsError(
            f"{name} is {text!r}, expected the name of a custom field, such as {DECISION_FIELD}, or none"
        )
    return text


def _level(given: Mapping[str, str], name: str) -> int:
    text = given.get(name, "").strip() or "0"
    if not text.isascii() or not text.isdecimal() or int(text) > _HIGHEST_LEVEL:
        raise SettingsError(f"{name} is {text!r}, expected a whole number from 0 to {_HIGHEST_LEVEL}")
    return int(text)


def _secret(given: Mapping[str, str], name: str) -> str:
    lines = secret_lines(given, name)
    if len(lines) > 1:
        raise SettingsError(f"{name} has {len(lines)} lines, expected one")
    if lines and not (lines[0].isascii() and lines[0].isprintable()):
        raise SettingsError(f"{name} holds a character that no key has")
    return lines[0] if lines else ""


def _secrets(given: Mapping[str, str], name: str) -> tuple[bytes, ...]:
    secrets = tuple(line.encode("utf-8", "surrogateescape") for line in secret_lines(given, name))
    for secret in secrets:
        if len(secret) < SHORTEST_SECRET:
            raise SettingsError(f"{name} has {len(secret)} bytes, expected at least {SHORTEST_SECRET}")
    return secrets
