"""Lessons: what one past release teaches, as arrays: how its evidence rose, and how likely it was bad.

Evidence carries the threshold that it was held against, so that what each signal could spend then can be
read back from it, and evidence of releases that were judged by other shares is comparable: with edges e of
parts p, `threshold(e) = -log(budget p(e))` and the parts sum to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from schemas.judgements import PRESENCE
from schemas.keys import EnvironmentName, ReleaseId, ServiceName

Floats = NDArray[np.float64]

CALLERS = "callers"
"""Name under which the evidence of all callers goes: it has a share of its own, which is not learnt."""

UNLEARNT = (str(PRESENCE), CALLERS)
"""Tracks whose shares stay as they are."""

LARGEST_SERVICE = 0.2
"""Of what is learnt of all services, one of them says at most so much, or as much as the next one does."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """One signal of one release, look by look; all arrays are (looks,).

    Attributes:
        minutes: Minutes from the release's start to the look, rising.
        lead: How far the strongest edge was above its threshold, in nats; below 0 it convicts not.
        log_budget: Log of the budget that the signal could spend then.
        canary: Level of the canary over all requests so far, NaN where there was none.
        canary_exposure: Requests or readings behind it.
        control: The same of the stable pods.
        control_exposure: The same.
        margin: Largest change that nobody minds, in the signal's unit.
    """

    minutes: Floats
    lead: Floats
    log_budget: Floats
    canary: Floats
    canary_exposure: Floats
    control: Floats
    control_exposure: Floats
    margin: Floats

    @property
    def log_e(self) -> Floats:
        """Return the signal's log e-value over its edges together."""
        return self.lead - self.log_budget

    def first_look(self, log_budget: float) -> float:
        """Return the minute at which it would convict with another budget; infinity for never.

        Where it was still rising when its release was taken back, it is taken to go on as it rose: beyond
        that look nobody knows.
        """
        if log_budget == -np.inf:
            return np.inf
        above = self.log_e + log_budget
        crossed = np.flatnonzero(above >= 0)
        if len(crossed):
            return float(self.minutes[crossed[0]])
        if self.lead[-1] < 0 or len(above) < 2:
            return np.inf
        rise = float(above[-1] - above[max(0, len(above) - 3)])
        span = float(self.minutes[-1] - self.minutes[max(0, len(above) - 3)])
        return float(self.minutes[-1]) - float(above[-1]) * span / rise if rise > 0 else np.inf


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """One release that is learnt from.

    Attributes:
        p_bad: Probability that it was bad, as it could be known by then.
        weight: How much of what there is to know of it is known, from 0 to 1.
        has_label: Whether anybody or anything spoke of it.
        watched_min: Minutes from its start to the last look.
        model: Id of the model whose profile judged it; "" for the rules as they stood.
        tracks: By signal; `presence` and `callers` among them.
    """

    release: ReleaseId
    environment: EnvironmentName
    service: ServiceName
    started_at: datetime
    p_bad: float
    weight: float
    has_label: bool
    watched_min: float
    tracks: dict[str, Track]
    model: str = ""

    @property
    def key(self) -> str:
        """Return `environment/service`."""
        return f"{self.environment}/{self.service}"

    @property
    def bad(self) -> float:
        """Return how far it counts as a bad release."""
        return self.weight * self.p_bad

    @property
    def good(self) -> float:
        """Return how far it counts as a good release."""
        return self.weight * (1.0 - self.p_bad)

    def turning(self) -> float:
        """Return the minute that tells: the first look that convicts, or else the one that says most."""
        crossed = [
            float(track.minutes[np.argmax(track.lead >= 0)])
            for track in self.tracks.values()
            if (track.lead >= 0).any()
        ]
        if crossed:
            return min(crossed)
        tops = [
            (float(track.lead.max()), -float(track.minutes[np.argmax(track.lead)]))
            for track in self.tracks.values()
        ]
        return -max(tops)[1] if tops else 0.0


def capped(lessons: Sequence[Lesson], weights: Floats) -> Floats:
    """Return weights of which a service has a fifth at most, or as much as the next one: none teaches alone.

    Where a single service has any weight, nothing is left of it: it may learn for itself, not for others.

    Args:
        lessons: In any order.
        weights: What each counts, at least 0, (lessons,).
    """
    keys, place = np.unique([lesson.key for lesson in lessons], return_inverse=True)
    if len(keys) < 2:
        return weights.astype(np.float64)
    sums = np.bincount(place, weights=weights, minlength=len(keys)).astype(np.float64)
    limit = _limit(np.sort(sums)[::-1])
    factors = np.minimum(1.0, limit / np.maximum(sums, 1e-300))
    return np.asarray(weights * factors[place], dtype=np.float64)


def _limit(sums: Floats) -> float:
    """Return what one service may count: `LARGEST_SERVICE` of what is left of all, at least the second most.

    Args:
        sums: Weight of each service, falling, two at least.
    """
    for cut in range(len(sums)):
        if cut * LARGEST_SERVICE >= 1.0:
            break
        # So many services at the limit have, with all of the others, the limit's multiple.
        limit = LARGEST_SERVICE * float(sums[cut:].sum()) / (1.0 - cut * LARGEST_SERVICE)
        if limit >= sums[cut]:
            return max(limit, float(sums[1]))
    return float(sums[1])
