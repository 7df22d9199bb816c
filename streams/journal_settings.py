"""Settings of the journal: where it lies and how long what is kept; a part of `streams.settings`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from feature_store.retention import Retention
from schemas.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """Where the journal lies and how long it keeps.

    Attributes:
        place: A folder, or `s3://bucket/prefix`; None for `journal` in the data folder. The server of a
            bucket that is not at AWS is `AWS_ENDPOINT_URL`; keys and region are AWS' own variables.
            `SUTURE_JOURNAL`.
        keep: Rules such as `evidence=90d,suspicion=30d,*=2y`; "" keeps everything. `SUTURE_KEEP`.
    """

    place: Path | None = None
    keep: str = ""

    @property
    def retention(self) -> Retention:
        """Return the rules."""
        return Retention.parse(self.keep)


def read_journal_settings(given: Mapping[str, str]) -> JournalSettings:
    """Return the journal's settings.

    Raises:
        SettingsError: `SUTURE_KEEP` is no list of rules.
    """
    place = given.get("SUTURE_JOURNAL", "").strip()
    keep = given.get("SUTURE_KEEP", "").strip()
    try:
        Retention.parse(keep)
    except SettingsError as error:
        raise SettingsError(f"SUTURE_KEEP: {error}") from error
    return JournalSettings(place=Path(place) if place else None, keep=keep)


def journal_variables(settings: JournalSettings) -> dict[str, str]:
    """Return the variables that give a child process the same settings."""
    return {"SUTURE_JOURNAL": str(settings.place or ""), "SUTURE_KEEP": settings.keep}
