"""Settings for how humans are asked, on whichever channel: a part of `streams.settings`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from schemas.errors import SettingsError

_LONGEST_S = 24 * 60 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalPace:
    """How patiently people are asked.

    Attributes:
        poll: Time between two looks for answers where a channel is polled. Shorter finds what no webhook
            told sooner, and asks more of the vendor's rate limit. `SUTURE_APPROVAL_POLL_SECONDS`.
        tries: For how long a channel that fails is tried again with one thing. Shorter leaves more untold
            after an outage, longer tells what has long passed. `SUTURE_APPROVAL_TRIES_SECONDS`.
        unknown: How long an answer is kept that belongs to no question yet. Shorter loses answers that
            overtake their question's record, longer keeps strangers' words.
            `SUTURE_APPROVAL_UNKNOWN_SECONDS`.
    """

    poll: timedelta = timedelta(seconds=30)
    tries: timedelta = timedelta(hours=24)
    unknown: timedelta = timedelta(minutes=2)


def read_approval_pace(given: Mapping[str, str]) -> ApprovalPace:
    """Return the settings that the environment gives.

    Raises:
        SettingsError: a variable holds no number of seconds that makes sense.
    """
    return ApprovalPace(
        poll=_seconds(given, "SUTURE_APPROVAL_POLL_SECONDS", 30),
        tries=_seconds(given, "SUTURE_APPROVAL_TRIES_SECONDS", 24 * 60 * 60),
        unknown=_seconds(given, "SUTURE_APPROVAL_UNKNOWN_SECONDS", 120),
    )


def _seconds(given: Mapping[str, str], name: str, default: int) -> timedelta:
    text = given.get(name, "").strip() or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= _LONGEST_S:
        raise SettingsError(f"{name} is {text!r}, expected whole seconds from 1 to {_LONGEST_S}")
    return timedelta(seconds=int(text))
