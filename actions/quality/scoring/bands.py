"""Scores that agree with outcomes: each outcome has a band of points, and how bad it is picks the place.

So that a total below a band means what the band says, whatever parts went into it, and a part that only
warns cannot fail a build.
"""

from schemas.quality import GateOutcome

PASS_SCORE = 90.0
"""Total from which a build passes."""

WARN_SCORE = 75.0
"""Total from which it passes with a warning; below, it fails."""

_BANDS = {
    GateOutcome.PASS: (100.0, PASS_SCORE),
    GateOutcome.WARN: (PASS_SCORE, WARN_SCORE),
    GateOutcome.HOLD: (WARN_SCORE, 50.0),
    GateOutcome.FAIL: (50.0, 0.0),
}


def in_band(outcome: GateOutcome, badness: float) -> float:
    """Return a score in the outcome's band.

    Args:
        outcome: What it is.
        badness: 0 for the best of that outcome, 1 for the worst; beyond is as bad as these.

    >>> in_band(GateOutcome.WARN, 0.0), in_band(GateOutcome.WARN, 1.0), in_band(GateOutcome.FAIL, 7.0)
    (90.0, 75.0, 0.0)
    """
    best, worst = _BANDS[outcome]
    return best + (worst - best) * min(1.0, max(0.0, badness))


def between(value: float, low: float, high: float) -> float:
    """Return where a value lies between two others: 0 at the first, 1 at the second, not clipped.

    >>> between(0.65, 0.8, 0.5)
    0.5
    """
    return (value - low) / (high - low) if high != low else 0.0


def rescaled(score: float, passes: float, warns: float) -> float:
    """Return a score of a scale with limits of its own on ours: the limits fall on ours, linear between.

    >>> rescaled(60.0, 60.0, 40.0), rescaled(50.0, 60.0, 40.0), rescaled(100.0, 100.0, 100.0)
    (90.0, 82.5, 100.0)
    """
    if score >= passes:
        return in_band(GateOutcome.PASS, between(score, 100.0, passes))
    if score >= warns:
        return in_band(GateOutcome.WARN, between(score, passes, warns))
    return WARN_SCORE * score / warns
