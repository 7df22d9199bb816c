"""Instants: aware datetimes in values, integer milliseconds since the epoch in columns."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def from_ms(time_ms: int) -> datetime:
    """Return the instant of a count of milliseconds since the epoch.

    >>> from_ms(1_500)
    datetime.datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=datetime.timezone.utc)
    """
    return EPOCH + timedelta(milliseconds=time_ms)


def to_ms(instant: datetime) -> int:
    """Return whole milliseconds since the epoch, rounded down.

    Raises:
        ValueError: `instant` has no time zone.
    """
    return (require_aware("instant", instant) - EPOCH) // _MILLISECOND


def require_aware(name: str, instant: datetime) -> datetime:
    """Return `instant`, or refuse it when it has no time zone.

    Raises:
        ValueError: `instant` has no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{name} is {instant.isoformat()} without a time zone, expected an aware datetime")
    return instant
