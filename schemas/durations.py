"""Durations as people write them in settings."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_SHORT_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


def _duration(value: Any) -> Any:
    """Turn `90d`, `1h30m`, `90s` into a timedelta; leave ISO 8601 and timedeltas to the validator."""
    if isinstance(value, str) and value and (match := _SHORT_DURATION.fullmatch(value)):
        days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if isinstance(value, (int, float)):
        # pydantic turns a ValueError, and no TypeError, into a validation error.
        raise ValueError("a duration needs a unit, such as 90s, 30m or 1h30m")  # noqa: TRY004
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
PositiveDuration = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))]
