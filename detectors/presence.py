"""Silence as evidence: a canary that says nothing while its stable twins speak.

Three things beside a defect make a pod silent. A *pause*: it spoke, or just came, and nobody calls it for an
interval or two. Pauses are a chain of two states, whose chances the stable pods tell. And *idleness*: callers
with long-lived connections keep to the pods that they have, and one that was added gets no calls for hours.
Idleness belongs to the pod and not to the interval: however long it lasts, it is one observation, and the
pods that speak are the only witnesses of how rare it is.

A pod that is gone had callers, and they went somewhere. Where as many pods speak as before the release, the
canary may well be idle, and its silence is worth no more than the number of witnesses. Where one speaker
fewer is left, the canary stands in its place, and answers nobody.

A canary that gets a request a minute has minutes without any, however steadily its busy twins speak: where
requests are counted, a *thin* stream of them may pause by chance.

The null is the mixture of these; the alternative is that the canary is dead. When that began is not known, so
all starts share the prior.

Good at a canary that takes a speaking pod's place and never comes up, or that dies after it spoke. Blind, and
meant to be, to an added canary that never spoke beside few twins: that is no data, which pages and does not
roll back.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LASTING_PRIOR = (1.0, 4.0)
"""Pauses that went on and that ended, as if seen before: a pause goes on with a chance of one in five. On the
quiet minutes of ChangeRCA's dev half 16 of 172 did, checkoutservice, whose pods are idle, left out."""

MOVED = 1e-4
"""Chance that the callers of a pod that went all moved to its old twins and none to the pod that took its
place. Nothing that was measured is so rare: it bounds what silence alone can prove, and the confidence."""

REGULAR = 0.5
"""A pod that spoke in a smaller part of the intervals in which it could is no witness against idleness."""

MOST_INTERVALS = 30
"""How far ahead it is looked for the silence that would convict; a watch is seldom longer."""


@dataclass(frozen=True, slots=True)
class Silence:
    """How long the canary has been silent and what that is worth.

    Attributes:
        intervals: Length of the silence that still lasts, in intervals in which twins spoke.
        since: Index of its first interval, counted from the release's; -1 without silence.
        log_e: Log e-value of it.
        lost: How many fewer pods speak than before; below 1, the canary may be idle.
        more: Further silent intervals that would convict, 0 when none is needed; None where none suffice.
    """

    intervals: int
    since: int
    log_e: float
    lost: float = 0.0
    more: int | None = None


@dataclass(frozen=True, slots=True)
class Habit:
    """How a service's pods fall silent.

    Attributes:
        falls: Chance that a pod that spoke, or just came, says nothing in the next interval.
        lasted: Intervals of silence that followed another one, with the prior's.
        ended: Pauses that ended, with the prior's.
        speakers: Pods that spoke regularly.
        idle: Pods that did not.
    """

    falls: float
    lasted: float
    ended: float
    speakers: int
    idle: int

    def pause(self, intervals: int) -> float:
        """Return the log of the chance that a pod pauses now for at least so many intervals."""
        more = np.arange(intervals - 1, dtype=np.float64)
        lasts = np.log((self.lasted + more) / (self.lasted + self.ended + more))
        return float(np.log(self.falls) + lasts.sum())

    def idleness(self, pods: int) -> float:
        """Return the log of the chance that so many pods that were added are all idle: Jeffreys' prior."""
        more = np.arange(max(pods, 1), dtype=np.float64)
        return float(np.log((self.idle + 0.5 + more) / (self.idle + self.speakers + 1.0 + more)).sum())


def habit(spoke: Bools, lived: Bools) -> Habit:
    """Return how pods fall silent, drawn towards priors where little is known.

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
    could = (lived & told).sum(axis=1)
    share = (spoke & lived & told).sum(axis=1) / np.maximum(could, 1)
    is_regular = (share >= REGULAR) & (could > 0)
    return Habit(
        falls=(fell + 0.5) / (spoken + 1.0),
        lasted=LASTING_PRIOR[0] + stayed,
        ended=LASTING_PRIOR[1] + silent - stayed,
        speakers=int(is_regular.sum()),
        idle=int(((could > 0) & ~is_regular).sum()),
    )


def thinness(requests: float, intervals: int, silent: int) -> float:
    """Return the log of the chance that a pod with so little traffic gets none for so many intervals.

    A gamma posterior of its rate under Jeffreys' prior, from the requests that it had before; -inf for one
    that had none, of which idleness speaks.

    >>> round(thinness(10, 10, 3), 2), thinness(6000, 10, 3) < -1000
    (-2.75, True)
    """
    if requests <= 0 or intervals <= 0:
        return -np.inf
    return float((requests + 0.5) * np.log(intervals / (intervals + silent)))


def silence(
    canary: Floats,
    stable: Floats,
    quiet: Floats,
    usual: Habit,
    threshold: float,
    expected: int = 0,
    requests: Floats | None = None,
) -> Silence:
    """Return what the canary's silence up to now is worth.

    Args:
        canary: Samples an interval of each canary pod since the release, (pods, intervals).
        stable: Samples an interval of each stable pod since the release, (pods, intervals).
        quiet: Samples an interval of each stable pod before the release, (pods, quiet intervals).
        usual: How stable pods fall silent.
        threshold: Log e-value that convicts.
        expected: First interval in which the canary should speak.
        requests: What all canary pods served since the release, (intervals,); None where nobody counts.
    """
    is_told: Bools = np.asarray((stable > 0).any(axis=0))
    together = canary.sum(axis=0)
    length, since = 0, -1
    for index in range(len(together) - 1, expected - 1, -1):
        if is_told[index] and together[index] > 0:
            break
        if is_told[index]:
            length, since = length + 1, index
    if not length:
        return Silence(0, -1, 0.0)
    speaking = (stable > 0).sum(axis=0) + (canary > 0).sum(axis=0)
    before = max(_usual((quiet > 0).sum(axis=0)), _usual(speaking[:since]))
    lost = before - _usual(speaking[since:])
    idle = np.log(MOVED) if lost >= 1.0 else usual.idleness(max(len(canary), 1))
    starts = max(int(is_told[expected:].sum()) - length + 1, 1)
    before_it = is_told[:since]
    served = 0.0 if requests is None else float(requests[:since][before_it].sum())

    def worth(intervals: int) -> float:
        thin = thinness(served, int(before_it.sum()), intervals)
        paused = np.logaddexp(usual.pause(intervals), thin) + np.log(starts)
        return -float(np.logaddexp(idle, paused))

    more = next((n for n in range(MOST_INTERVALS) if worth(length + n) >= threshold), None)
    return Silence(length, since, max(worth(length), 0.0), float(lost), more)


def _usual(speaking: NDArray[np.int64]) -> float:
    """Return how many speak in an interval in which anybody does: the median; 0 where nobody ever does."""
    told = speaking[speaking > 0]
    return float(np.median(told)) if len(told) else 0.0
