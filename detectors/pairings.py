"""Pairings: two sides' events in the same intervals, whatever test is made of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_EVENTS = 0.5
"""What a side's events count as at least where a ratio is only guessed at to place a grid."""

LEAST_WOBBLE = 0.001
"""Squared CV that a pod's rate wobbles by at least: no number of requests makes two pods quite alike."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """Two sides' events in the same intervals; only intervals in which both were exposed.

    Attributes:
        x: The canary's events, (intervals,).
        n: The canary's exposure, above 0, (intervals,).
        y: The stable pods' events, (intervals,).
        m: The stable pods' exposure, above 0, (intervals,).
        share: Squared CV of the rates' ratio in units of one pod's: 1 / pods of each side, (intervals,).
        at: Number of each interval, rising, (intervals,).
    """

    x: Floats
    n: Floats
    y: Floats
    m: Floats
    share: Floats
    at: Floats

    @property
    def logit(self) -> Floats:
        """Return the log of the canary's exposure over the stable pods', (intervals,)."""
        return np.log(self.n) - np.log(self.m)

    def key(self) -> tuple[bytes, ...]:
        """Return what tells it from others."""
        parts = (self.x, self.n, self.y, self.m, self.share, self.at)
        return tuple(part.tobytes() for part in parts)

    def without(self, place: int) -> "Pairing":
        """Return it without one interval."""
        parts = (self.x, self.n, self.y, self.m, self.share, self.at)
        return Pairing(*(np.delete(part, place) for part in parts))

    def center(self) -> tuple[float, float]:
        """Return a guess at the log of the rates' ratio, and its chance error at least."""
        x, y = float(self.x.sum()), float(self.y.sum())
        odds = np.exp(self.logit)
        expected = float(((self.x + self.y) * odds / (1.0 + odds)).sum())
        rest = x + y - expected
        guess = np.log((x + LEAST_EVENTS) / (expected + LEAST_EVENTS))
        guess -= np.log((y + LEAST_EVENTS) / (rest + LEAST_EVENTS))
        error = np.sqrt(1.0 / (x + LEAST_EVENTS) + 1.0 / (y + LEAST_EVENTS))
        floor = np.sqrt(LEAST_WOBBLE * float(self.share.mean()) / len(self.x)) if len(self.x) else 0.0
        return float(guess), float(max(error, floor))


def pairing(
    canary: tuple[Floats, Floats], stable: tuple[Floats, Floats], pods: tuple[Floats, Floats]
) -> Pairing:
    """Return two sides' events where both were exposed.

    Args:
        canary: Events and exposure, (intervals,) each.
        stable: The same of the stable pods.
        pods: How many pods of each side spoke, (intervals,) each.
    """
    (x, n), (y, m) = canary, stable
    told = (n > 0) & (m > 0)
    return Pairing(
        x=x[told],
        n=n[told],
        y=y[told],
        m=m[told],
        share=1.0 / np.maximum(pods[0][told], 1) + 1.0 / np.maximum(pods[1][told], 1),
        at=np.flatnonzero(told).astype(np.float64),
    )


Twin = tuple[float, float, float]
"""One stable pod beside the others before the release: log of their lasting ratio, its chance error, and the
squared CV of that ratio in units of a pod's wobble."""


def twin_of(pair: Pairing) -> Twin:
    """Return how one stable pod compared with the others."""
    return (*pair.center(), float(pair.share.mean()) / len(pair.x))
