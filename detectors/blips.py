"""Blips: how much one interval may add to what all the others say."""

LARGEST_BLIP = 3.5
"""Most that one interval may add to a log e-value. Larger lets a blip and a little noise convict; smaller
makes a catastrophe wait for a third interval."""


def capped(full: float, rest: float) -> float:
    """Return the log e-value that one interval cannot make by itself.

    It may add `LARGEST_BLIP` at most, and no more than twice what the others say: one interval alone convicts
    nobody, two convict a catastrophe. What is returned never exceeds `full`, so it still is an e-value.

    Args:
        full: Log e-value of all intervals.
        rest: Log e-value without the interval that says most.

    >>> capped(20.0, 0.0), capped(20.0, 8.0), capped(9.0, 8.0)
    (0.0, 11.5, 9.0)
    """
    return min(full, rest + min(LARGEST_BLIP, 2.0 * max(rest, 0.0)))
