"""Freeze windows: times of the week in which nothing is changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.durations import PositiveDuration
from schemas.typed_text import hush


class Day(StrEnum):
    """A day of the week."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


_WEEK = tuple(Day)
_LONGEST = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeWindow:
    """A time that comes again every week, in UTC: summer time would need tables that change by decree.

    Attributes:
        days: Days on which it begins; empty for every day.
        begins: Time of day, as `17:00`.
        lasts: How long; at most a week.
        why: Shown to whoever meets it.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    begins: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    lasts: PositiveDuration
    days: tuple[Day, ...] = ()
    why: str = ""

    def __post_init__(self) -> None:
        if self.lasts > _LONGEST:
            raise ValueError(f"a freeze window lasts {self.lasts}, expected at most a week")
        hush(self, "why")

    def end_at(self, now: datetime) -> datetime | None:
        """Return when the window that is on at an instant ends; None when none is.

        >>> window = FreezeWindow(begins="17:00", lasts=timedelta(hours=63), days=(Day.FRIDAY,))
        >>> str(window.end_at(datetime(2026, 3, 1, 12, tzinfo=UTC)))
        '2026-03-02 08:00:00+00:00'
        >>> window.end_at(datetime(2026, 3, 2, 8, tzinfo=UTC)) is None
        True
        """
        hour, minute = (int(part) for part in self.begins.split(":"))
        today = now.astimezone(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
        for back in range(8):
            start = today - timedelta(days=back)
            is_its_day = not self.days or _WEEK[start.weekday()] in self.days
            if is_its_day and start <= now < start + self.lasts:
                return start + self.lasts
        return None


def window_end(windows: Iterable[FreezeWindow], now: datetime) -> tuple[datetime, str] | None:
    """Return the latest end of the windows that are on, and why; None when none is."""
    ends = [(end, window.why) for window in windows if (end := window.end_at(now)) is not None]
    return max(ends, default=None)
