"""NAB's own scoring: how early inside a labelled window, at what cost in false alarms.

The first detection in a window earns by its place, more the earlier; every detection outside costs, less
just behind a window than far from one; a window that nothing found costs. The first part of every file is
probation and counts for nothing. A detector's result is put between that of a null detector, 0, and of a
perfect one, 100.

Source: A. Lavin, S. Ahmad, "Evaluating Real-time Anomaly Detection Algorithms - the Numenta Anomaly
Benchmark", ICMLA 2015; the sweep over thresholds as in NAB v1.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PROBATION_SHARE = 0.15
PROBATION_FILE_SAMPLES = 5000
"""Probation is a share of the file, as if no file were longer than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a hit, a miss and a false alarm weigh; NAB's `config/profiles.json`."""

    hit: float = 1.0
    miss: float = 1.0
    false_alarm: float = 0.11


PROFILES = {
    "standard": Profile(),
    "low_fp": Profile(false_alarm=0.22),
    "low_fn": Profile(miss=2.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFile:
    """What the places of one file earn.

    Attributes:
        window: Index of the labelled window that a sample lies in, -1 outside, (samples,).
        earned: What a detection there earns before weights, in [-1, 1], (samples,).
        probation: How many first samples count for nothing.
        windows: How many windows the file has.
    """

    window: Ints
    earned: Floats
    probation: int
    windows: int


def scaled_sigmoid(position: Floats) -> Floats:
    """Return what a detection at a place relative to a window earns.

    Args:
        position: -1 at the window's left edge, 0 at its right edge, in window widths.
    """
    return np.where(position > 3.0, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, 3.0))) - 1.0)


def label(samples: int, windows: Sequence[tuple[int, int]]) -> LabelledFile:
    """Return what the places of one file earn.

    Args:
        samples: Length of the file.
        windows: First and last sample of each labelled window, in order, not overlapping.
    """
    place = np.arange(samples, dtype=np.float64)
    window = np.full(samples, -1, dtype=np.int64)
    earned = np.full(samples, -1.0)
    best = float(scaled_sigmoid(np.array(-1.0)))
    for index, (first, last) in enumerate(windows):
        width = last - first + 1
        behind = np.abs(place[last + 1 :] - last) / max(width - 1, 1)
        earned[last + 1 :] = scaled_sigmoid(behind)
        earned[first : last + 1] = scaled_sigmoid(-(last - place[first : last + 1] + 1) / width) / best
        window[first : last + 1] = index
    probation = int(min(PROBATION_SHARE * samples, PROBATION_SHARE * PROBATION_FILE_SAMPLES))
    return LabelledFile(window=window, earned=earned, probation=probation, windows=len(windows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Raw scores by threshold: from `thresholds[i]` down to the next, detections are worth `raw[i]`.

    Attributes:
        thresholds: Falling, (steps,).
        raw: The same order, (steps,).
        none: Raw score where nothing is detected.
    """

    thresholds: Floats
    raw: Floats
    none: float

    def best(self) -> tuple[float, float]:
        """Return the threshold that earns most, and what it earns."""
        if not len(self.raw) or self.raw.max() <= self.none:
            return np.inf, self.none
        at = int(np.argmax(self.raw))
        return float(self.thresholds[at]), float(self.raw[at])

    def at(self, threshold: float) -> float:
        """Return the raw score where a sample is a detection from `threshold` on."""
        steps = int(np.searchsorted(-self.thresholds, -threshold, side="right"))
        return float(self.raw[steps - 1]) if steps else self.none


def sweep(files: Sequence[tuple[LabelledFile, Floats]], profile: Profile) -> Sweep:
    """Return the raw score of all files together at every threshold.

    Args:
        files: Labels and scores (samples,) of each file.
        profile: Weights.
    """
    scores, gains = [], []
    for labels, found in files:
        gain = np.where(labels.window < 0, labels.earned * profile.false_alarm, 0.0)
        for index in range(labels.windows):
            inside = np.flatnonzero(labels.window == index)
            inside = inside[inside >= labels.probation]
            order = inside[np.argsort(-found[inside], kind="stable")]
            # What a window has earned so far is its best detection; samples of one score count together,
            # and as the sum is read only behind the last of them, their order does not matter.
            best = np.maximum.accumulate(labels.earned[order] * profile.hit)
            gain[order] = np.diff(np.concatenate(([-profile.miss], np.maximum(best, -profile.miss))))
        scores.append(found[labels.probation :])
        gains.append(gain[labels.probation :])
    none = -profile.miss * sum(labels.windows for labels, _ in files)
    if not scores:
        return Sweep(thresholds=np.empty(0), raw=np.empty(0), none=none)
    score, gained = np.concatenate(scores), np.concatenate(gains)
    order = np.argsort(-score, kind="stable")
    score = score[order]
    last = np.flatnonzero(np.diff(score, append=-np.inf))
    return Sweep(thresholds=score[last], raw=none + np.cumsum(gained[order])[last], none=none)


def normalised(raw: float, windows: int, profile: Profile) -> float:
    """Return a raw score on the scale from a null detector, 0, to a perfect one, 100."""
    none = -profile.miss * windows
    return 100.0 * (raw - none) / (profile.hit * windows - none)
