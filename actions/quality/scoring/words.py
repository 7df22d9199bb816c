"""Phrases that several parts use."""

from collections.abc import Sequence


def of_total(count: int, total: int, noun: str) -> str:
    """Return a count out of a total.

    >>> of_total(1, 1, "test"), of_total(2, 30, "test")
    ('1 of 1 test', '2 of 30 tests')
    """
    return f"{count} of {counted(total, noun)}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "line"), counted(0, "line")
    ('1 line', '0 lines')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(names: Sequence[str], most: int) -> str:
    """Return the first names and how many more there are.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
