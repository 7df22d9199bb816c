"""Results of pure functions of arrays, remembered by what the arrays hold.

A look a minute weighs the same quiet time again and again, and a canary that has fallen silent gives the same
numbers at every look. Remembering changes no result: equal bytes in give the very same result out.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


def by_content(most: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that remembers the newest results of a function of arrays and plain values.

    What it returns must not be changed by whoever gets it.

    Args:
        most: How many results are kept; those that were not asked for longest are forgotten.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        known: OrderedDict[tuple[Hashable, ...], R] = OrderedDict()

        @wraps(function)
        def remembered(*args: P.args, **kwargs: P.kwargs) -> R:
            key = tuple(map(_content, args)), tuple((name, _content(kwargs[name])) for name in sorted(kwargs))
            if key in known:
                known.move_to_end(key)
                return known[key]
            found = known[key] = function(*args, **kwargs)
            if len(known) > most:
                known.popitem(last=False)
            return found

        return remembered

    return decorate


def _content(value: object) -> Hashable:
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.char, value.tobytes()
    assert isinstance(value, Hashable), "arrays and plain values only"
    return value
