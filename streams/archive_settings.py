"""Settings of the archive: a part of `streams.settings`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from schemas.codec import from_python
from schemas.durations import Duration
from schemas.errors import SchemaError, SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings:
    """How long the ordered log is kept outside of Kafka.

    Attributes:
        place: A folder, or `s3://bucket/prefix` as for the journal; None for `archive` in the data folder.
            `SUTURE_ARCHIVE`.
        keep: How long, by whole files; zero for no archive. What was decided longer ago cannot be run
            again. `SUTURE_ARCHIVE_KEEP`, such as `90d`.
        flush: How long entries are collected before they become a file. Shorter makes more files; longer
            leaves more to be read from Kafka, by those who read the archive, too. `SUTURE_ARCHIVE_FLUSH`.
    """

    place: Path | None = None
    keep: timedelta = timedelta(days=90)
    flush: timedelta = timedelta(minutes=15)


def read_archive_settings(given: Mapping[str, str]) -> ArchiveSettings:
    """Return the settings that the environment gives.

    Raises:
        SettingsError: a variable holds what it must not; says which.
    """
    usual = ArchiveSettings()
    flush = _duration(given, "SUTURE_ARCHIVE_FLUSH", usual.flush)
    if not flush:
        raise SettingsError("SUTURE_ARCHIVE_FLUSH is 0, expected a time such as 30s or 15m")
    place = given.get("SUTURE_ARCHIVE", "").strip()
    keep = _duration(given, "SUTURE_ARCHIVE_KEEP", usual.keep)
    return ArchiveSettings(place=Path(place) if place else None, keep=keep, flush=flush)


def archive_variables(settings: ArchiveSettings) -> dict[str, str]:
    """Return the variables that give a child process the same settings."""
    return {
        "SUTURE_ARCHIVE": str(settings.place or ""),
        "SUTURE_ARCHIVE_KEEP": f"{settings.keep.total_seconds():.3f}s",
        "SUTURE_ARCHIVE_FLUSH": f"{settings.flush.total_seconds():.3f}s",
    }


def _duration(given: Mapping[str, str], name: str, usual: timedelta) -> timedelta:
    text = given.get(name, "").strip()
    if not text:
        return usual
    if text == "0":
        return timedelta(0)
    try:
        length: timedelta = from_python(Duration, text)
    except SchemaError as error:
        raise SettingsError(f"{name} is {text!r}, expected a time such as 90d, 12h or 15m") from error
    if length < timedelta(0):
        raise SettingsError(f"{name} is {text!r}, expected no time below 0")
    return length
