"""What differs between an effect that was kept and the one that is said again, field by field."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_ABSENT = "(absent)"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """One field that differs: its path, and both values as JSON."""

    field: str
    kept: str
    again: str


def field_differences(kept: str, again: str) -> tuple[FieldDifference, ...]:
    """Return the fields in which two JSON texts differ; the texts themselves where one is no JSON.

    >>> field_differences('{"a": {"b": [1, 2]}}', '{"a": {"b": [1, 3]}}')
    (FieldDifference(field='a.b[1]', kept='2', again='3'),)
    """
    try:
        before, after = json.loads(kept), json.loads(again)
    except ValueError:
        return (FieldDifference(field="body", kept=kept, again=again),)
    found = tuple(_differences("", before, after))
    if not found and kept != again:
        # Equal values in other bytes: an order, a space, the form of a number.
        return (FieldDifference(field="body", kept=kept, again=again),)
    return found


def _differences(path: str, kept: Any, again: Any) -> Iterator[FieldDifference]:
    if isinstance(kept, dict) and isinstance(again, dict):
        for name in [*kept, *(name for name in again if name not in kept)]:
            inner = f"{path}.{name}" if path else name
            yield from _differences(inner, kept.get(name, _Absent), again.get(name, _Absent))
    elif isinstance(kept, list) and isinstance(again, list):
        for index in range(max(len(kept), len(again))):
            sides = (side[index] if index < len(side) else _Absent for side in (kept, again))
            yield from _differences(f"{path}[{index}]", *sides)
    elif kept is _Absent or again is _Absent or _text(kept) != _text(again):
        yield FieldDifference(field=path or "body", kept=_text(kept), again=_text(again))


class _Absent:
    """Stands where there is no value, which is not the value null."""


def _text(value: Any) -> str:
    return _ABSENT if value is _Absent else json.dumps(value, ensure_ascii=False)
