"""Fields of foreign files: taken with a bound, or refused by name and without a word of what was in them."""

import hashlib
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from math import isfinite

from schemas.errors import SchemaError
from schemas.foreign_json import Json, kind_of, require_object

LONGEST_TEXT = 300
"""Characters of a name that are kept; a longer one ends in a digest, so that it still names one thing."""

MOST_ENTRIES = 500_000
"""Test cases, findings or files of one report."""

LARGEST_NUMBER = 1e15
"""Beyond it a count or an amount is a mistake, and sums of floats stop being exact."""

LAST_LINE = 10_000_000
"""Line number beyond which a file is none that anybody wrote."""


def clean(text: str) -> str:
    """Return a name that may be printed, kept and compared: one line, bounded, no control characters.

    >>> clean(f"a{chr(27)}[31mb{chr(10)}c")
    'a [31mb c'
    >>> len(clean("x" * 10_000))
    300
    """
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = " ".join(text.split())
    if len(text) <= LONGEST_TEXT:
        return text
    tail = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{text[: LONGEST_TEXT - 13]} {tail}"


def text_of(entry: dict[str, Json], key: str, what: str) -> str:
    """Return a required text.

    Raises:
        SchemaError: it is missing, empty or no text.
    """
    found = optional_text(entry, key, what)
    if not found:
        raise SchemaError(f"{what} has no {key}")
    return found


def optional_text(entry: dict[str, Json], key: str, what: str) -> str:
    """Return a text, "" when it is absent or null.

    Raises:
        SchemaError: it is no text.
    """
    value = entry.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise SchemaError(f"{key} of {what} is {kind_of(value)}, expected a string")
    return clean(value)


def objects_of(entry: dict[str, Json], key: str, what: str) -> Iterator[dict[str, Json]]:
    """Return the objects of an array, none when it is absent or null.

    Raises:
        SchemaError: it is no array of objects, or too long.
    """
    for item in list_of(entry, key, what):
        yield require_object(item, f"an entry of {key} of {what}")


def list_of(entry: dict[str, Json], key: str, what: str) -> list[Json]:
    """Return an array, empty when it is absent or null.

    Raises:
        SchemaError: it is no array, or too long.
    """
    value = entry.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise SchemaError(f"{key} of {what} is {kind_of(value)}, expected an array")
    require_few(len(value), f"{key} of {what}")
    return value


def object_of(entry: dict[str, Json], key: str, what: str) -> dict[str, Json]:
    """Return an object, empty when it is absent or null.

    Raises:
        SchemaError: it is something else.
    """
    value = entry.get(key)
    return {} if value is None else require_object(value, f"{key} of {what}")


def require_few(count: int, what: str) -> None:
    """Refuse more entries than any build has.

    Raises:
        SchemaError: there are more than `MOST_ENTRIES`.
    """
    if count > MOST_ENTRIES:
        raise SchemaError(f"{what} has {count} entries, expected at most {MOST_ENTRIES}")


def number_of(value: Json, what: str) -> float:
    """Return a JSON number as a float.

    Raises:
        SchemaError: it is none, not finite or beyond what anybody counts.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SchemaError(f"{what} is {kind_of(value)}, expected a number")
    # Compared before it is converted: an integer may be too large for a float.
    if not (-LARGEST_NUMBER <= value <= LARGEST_NUMBER):
        raise SchemaError(f"{what} is not between -{LARGEST_NUMBER:g} and {LARGEST_NUMBER:g}")
    return float(value)


def count_of(value: Json, what: str) -> int:
    """Return a JSON number as a count; a whole float such as 600.0 is one.

    Raises:
        SchemaError: it is negative, broken or none.
    """
    number = number_of(value, what)
    if number < 0 or number != int(number):
        raise SchemaError(f"{what} is no count, expected a whole number from 0")
    return int(number)


def line_number(value: Json, what: str) -> int:
    """Return the number of a line.

    Raises:
        SchemaError: no file has such a line.
    """
    number = count_of(value, what)
    if not 0 <= number <= LAST_LINE:
        raise SchemaError(f"{what} is no line of a file, expected 0 to {LAST_LINE}")
    return number


def decimal_text(text: str, what: str) -> float:
    """Return a number written as text, such as a price or an attribute of XML.

    Raises:
        SchemaError: it is none, not finite or beyond what anybody counts.

    >>> decimal_text("1.785315068493150679", "cost")
    1.7853150684931507
    """
    try:
        number = float(Decimal(text.strip())) if len(text) <= 100 else float("nan")
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise SchemaError(f"{what} is no number") from error
    if not isfinite(number) or abs(number) > LARGEST_NUMBER:
        raise SchemaError(f"{what} is not a number between -{LARGEST_NUMBER:g} and {LARGEST_NUMBER:g}")
    return number
