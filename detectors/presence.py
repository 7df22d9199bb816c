"""Silence as evidence: a canary that says nothing while its stable twins speak.

Silences come in runs: a pod that gets no traffic this minute gets none the next. So the pods of a service
are taken to fall silent and to speak again as a chain of two states, whose chances the stable pods tell. The
null is that the canary fell silent as they do; the alternative is that it is dead. When that began is not
known, so all starts share the prior.

Good at a canary that never comes up or dies under steady traffic. Blind where stable pods of the same service
are silent for long as well, which many long-lived connections to few pods bring about.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Silence:
    """How long the canary has been silent and what that is worth.

    Attributes:
        intervals: Length of the silence that still lasts, in intervals in which twins spoke.
        since: Index of its first interval, counted from the first one given; -1 without silence.
        log_e: Log e-value of it.
    """

    intervals: int
    since: int
    log_e: float


@dataclass(frozen=True, slots=True)
class Habit:
    """How a service's pods fall silent.

    Attributes:
        falls: Chance that a pod that spoke, or just came, says nothing in the next interval.
        stays: Chance that a silent pod says nothing in the next interval either.
    """

    falls: float
    stays: float


def habit(spoke: NDArray[np.bool_], lived: NDArray[np.bool_]) -> Habit:
    """Return how pods fall silent, drawn towards ignorance where little is known.

    Only intervals in which some pod spoke count: when all are silent, nobody calls.

    Args:
        spoke: Whether each pod said anything, (pods, intervals).
        lived: Whether it was there to speak, (pods, intervals).
    """
    # A pod's twins tell whether there was anything to say; of a lone pod nobody does, and its silences count.
    others = spoke.sum(axis=0) - spoke
    told = others > 0 if len(spoke) > 1 else np.ones_like(spoke)
    both = lived[:, 1:] & lived[:, :-1] & told[:, 1:] & told[:, :-1]
    before, after = spoke[:, :-1], spoke[:, 1:]
    spoken, silent = int((both & before).sum()), int((both & ~before).sum())
    fell, stayed = int((both & before & ~after).sum()), int((both & ~before & ~after).sum())
    # Jeffreys' prior for the rare fall; a flat one for the rarely seen stay.
    return Habit(falls=(fell + 0.5) / (spoken + 1.0), stays=(stayed + 1.0) / (silent + 2.0))


def silence(canary: Floats, stable: Floats, usual: Habit) -> Silence:
    """Return what the canary's silence up to now is worth.

    Args:
        canary: Samples an interval of all canary pods together since they should speak, (intervals,).
        stable: Samples an interval of each stable pod, (pods, intervals).
        usual: How stable pods fall silent.
    """
    is_told: NDArray[np.bool_] = np.asarray((stable > 0).any(axis=0))
    length, since = 0, -1
    for index in range(len(canary) - 1, -1, -1):
        if is_told[index] and canary[index] > 0:
            break
        if is_told[index]:
            length, since = length + 1, index
    if not length:
        return Silence(0, -1, 0.0)
    value = -np.log(usual.falls) - (length - 1) * np.log(usual.stays)
    starts = max(int(is_told.sum()) - length + 1, 1)
    return Silence(length, since, max(float(value - np.log(starts)), 0.0))
