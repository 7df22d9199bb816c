"""Small parts that both forms of OTLP share: attribute texts, instants, refusals."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TypeAlias

LONGEST_TEXT = 200
"""Characters of an attribute's name or value, or of a metric's name, that are kept."""

MOST_ATTRIBUTES = 64
"""Attributes of one point; a point with more is refused, since dropping some would merge series."""

EARLIEST_MS = 946_684_800_000
"""2000-01-01: a point before it was never given a time."""

LATEST_MS = 7_258_118_400_000
"""2200-01-01: a point after it was given its time in another unit."""

Attributes: TypeAlias = tuple[tuple[str, str], ...]

Plain: TypeAlias = "bool | int | float | str | bytes | list[Plain] | dict[str, Plain] | None"
"""What an OTLP `AnyValue` holds, whatever form it came in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What a message held and cannot be used.

    Attributes:
        reason: A constant phrase without a word of the payload.
        count: Points or log records.
    """

    reason: str
    count: int


class Refusals:
    """Counts what is refused, by reason."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, reason: str, count: int = 1) -> None:
        """Count points that are refused for a reason."""
        if count:
            self._counts[reason] += count

    def sorted(self) -> tuple[Refused, ...]:
        """Return what was refused, ordered by reason."""
        return tuple(Refused(reason=reason, count=count) for reason, count in sorted(self._counts.items()))


def bounded(text: str) -> str:
    """Return the text, or its beginning and a digest of all of it: different texts stay different.

    >>> bounded("short"), len(bounded("x" * 5000))
    ('short', 200)
    """
    if len(text) <= LONGEST_TEXT:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{text[: LONGEST_TEXT - 13]}~{digest}"


def bounded_attributes(attributes: Mapping[str, Plain], scope: str = "") -> Attributes:
    """Return attributes as text, sorted by name, each of bounded length.

    Args:
        attributes: A point's own.
        scope: Name of the instrumentation scope: two libraries of one process may count under one
            metric name, each from zero.
    """
    texts = {bounded(name): bounded(text_of(value)) for name, value in attributes.items() if name}
    if scope:
        texts.setdefault("otel.scope.name", bounded(scope))
    return tuple(sorted(texts.items()))


def text_of(value: Plain) -> str:
    """Return an attribute's or a body's value as text: the same text in both forms of OTLP.

    Doubles without a fraction lose their point, bytes become base64, arrays and maps become JSON.

    >>> text_of(True), text_of(5.0), text_of(b"ab"), text_of(["a", {"b": 0.5}])
    ('true', '5', 'YWI=', '["a",{"b":0.5}]')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return ("true" if value else "false") if isinstance(value, bool) else str(value)
    ready = _ready(value)
    if isinstance(ready, str):
        return ready
    return "" if ready is None else json.dumps(ready, ensure_ascii=False, separators=(",", ":"))


def _ready(value: Plain) -> Plain:
    """Return the value as `json` can write it."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case float():
            if not isfinite(value):
                return repr(value)
            return int(value) if value.is_integer() and abs(value) < 2**53 else value
        case list():
            return [_ready(entry) for entry in value]
        case dict():
            return {name: _ready(entry) for name, entry in value.items()}
        case _:
            return value


def milliseconds(time_ns: int) -> int | None:
    """Return milliseconds since the epoch, rounded down, or None for a time that nobody meant.

    >>> milliseconds(1_544_712_660_300_000_000), milliseconds(0)
    (1544712660300, None)
    """
    time_ms = time_ns // 1_000_000
    return time_ms if EARLIEST_MS <= time_ms < LATEST_MS else None
