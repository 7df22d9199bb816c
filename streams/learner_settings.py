"""Settings of the learner: a part of `streams.settings`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from schemas.codec import from_python
from schemas.durations import PositiveDuration
from schemas.errors import SchemaError, SettingsError

_SWITCH = {"": False, "0": False, "false": False, "off": False, "1": True, "true": True, "on": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerSettings:
    """Whether and how often is learnt.

    Attributes:
        is_on: Whether `suture up` runs a learner. `SUTURE_LEARN`.
        every: How often a challenger is trained. Shorter follows changes sooner, and gives a challenger less
            time to show what it is worth. `SUTURE_LEARN_EVERY`.
        since: How far back releases are learnt from. `SUTURE_LEARN_SINCE`.
        promotes: Whether a challenger that wins takes the champion's place by rule; else a human must say so.
            `SUTURE_LEARN_PROMOTE`.
        pace: Between two looks at the journal, at least; one that takes long is followed by a longer pause.
            Shorter costs more, and tells of a decision sooner. `SUTURE_LEARN_PACE`.
    """

    is_on: bool = False
    every: timedelta = timedelta(days=7)
    since: timedelta = timedelta(days=90)
    promotes: bool = True
    pace: timedelta = timedelta(seconds=30)


def read_learner_settings(given: Mapping[str, str]) -> LearnerSettings:
    """Return the settings that the environment gives.

    Raises:
        SettingsError: a variable holds what it must not.
    """
    return LearnerSettings(
        is_on=_switch(given, "SUTURE_LEARN", ""),
        every=_duration(given, "SUTURE_LEARN_EVERY", "7d"),
        since=_duration(given, "SUTURE_LEARN_SINCE", "90d"),
        promotes=_switch(given, "SUTURE_LEARN_PROMOTE", "on"),
        pace=_duration(given, "SUTURE_LEARN_PACE", "30s"),
    )


def learner_variables(settings: LearnerSettings) -> dict[str, str]:
    """Return the variables that give the same settings to another process."""
    return {
        "SUTURE_LEARN": "on" if settings.is_on else "off",
        "SUTURE_LEARN_EVERY": f"{int(settings.every.total_seconds())}s",
        "SUTURE_LEARN_SINCE": f"{int(settings.since.total_seconds())}s",
        "SUTURE_LEARN_PROMOTE": "on" if settings.promotes else "off",
        "SUTURE_LEARN_PACE": f"{settings.pace.total_seconds():g}s",
    }


def _switch(given: Mapping[str, str], name: str, default: str) -> bool:
    text = (given.get(name, "").strip() or default).lower()
    if text not in _SWITCH:
        raise SettingsError(f"{name} is {text!r}, expected on or off")
    return _SWITCH[text]


def _duration(given: Mapping[str, str], name: str, default: str) -> timedelta:
    text = given.get(name, "").strip() or default
    try:
        found: timedelta = from_python(PositiveDuration, text)
    except SchemaError as error:
        raise SettingsError(f"{name} is {text!r}, expected a duration such as 7d or 12h") from error
    return found
