"""What is known of releases by other means than the judge: the labels that a backtest is scored by."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from schemas.errors import SettingsError
from schemas.instants import from_ms
from schemas.releases import Release

_RELEASE_COLUMNS = ("release", "change_id", "event")
_UNTIL_COLUMNS = ("until", "next_step")
_YES, _NO = ("1", "true", "yes", "bad"), ("0", "false", "no", "good", "harmless")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is known of one release.

    Attributes:
        p_bad: How likely it did damage, from 0 to 1.
        weight: How much that counts, from 0 to 1: little where nobody could know yet.
        damage_at: When the damage began; None when nobody knows.
        until: When it was too late to act, such as a rollout's next step; None for no such time.
    """

    p_bad: float
    weight: float = 1.0
    damage_at: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        for name, value in (("p_bad", self.p_bad), ("weight", self.weight)):
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} is {value}, expected a number from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truths:
    """What is known of releases, by their id, or by the identity of their deploy event."""

    of_release: Mapping[str, Truth] = field(default_factory=dict)

    def of(self, release: Release) -> Truth | None:
        """Return what is known of a release; None for nothing."""
        tail = release.event.rpartition(" ")[2]
        for name in (release.id, release.event, tail):
            if name and name in self.of_release:
                return self.of_release[name]
        return None


def read_truths(file: Path) -> Truths:
    """Return the labels of a CSV file.

    It has a column `release` (or `change_id`, or `event`) with the release's id or that of its deploy event,
    and a column `bad` with 1 or 0, or a probability. It may have `damage_at`, when the damage began, and
    `until` (or `next_step`), when it was too late to act, both in ISO 8601 or unix seconds.

    Raises:
        SettingsError: the file cannot be read, or a line is not of this form; says which.
    """
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return Truths(of_release=dict(_truths(file.name, csv.DictReader(lines))))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: labels cannot be read: {error}") from error


def _truths(name: str, rows: Iterable[dict[str, str]]) -> Iterable[tuple[str, Truth]]:
    for number, row in enumerate(rows, start=2):
        release = _first(row, _RELEASE_COLUMNS)
        if not release or "bad" not in row:
            raise SettingsError(f"{name}:{number}: has no release or no bad, expected columns of these names")
        yield (
            release,
            Truth(
                p_bad=_share(f"{name}:{number}", row["bad"]),
                damage_at=_instant(f"{name}:{number}", row.get("damage_at") or ""),
                until=_instant(f"{name}:{number}", _first(row, _UNTIL_COLUMNS)),
            ),
        )


def _first(row: dict[str, str], names: tuple[str, ...]) -> str:
    return next((row[name] for name in names if row.get(name)), "")


def _share(where: str, text: str) -> float:
    word = text.strip().lower()
    if word in _YES or word in _NO:
        return float(word in _YES)
    try:
        share = float(word)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise SettingsError(f"{where}: bad is {text!r}, expected 1, 0 or a probability")
    return share


def _instant(where: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = from_ms(round(1000 * float(text))) if _is_number(text) else datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise SettingsError(f"{where}: {text!r} is no instant, expected ISO 8601 or unix seconds") from error
    if found.tzinfo is None:
        raise SettingsError(f"{where}: {text!r} has no time zone, expected one, such as a Z at its end")
    return found


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()
