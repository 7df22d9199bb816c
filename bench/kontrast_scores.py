"""Kontrast's figures: alarms against labels, by the shipped threshold and by those of other groups."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FOLDS = 10
"""Parts that the groups are split into; the threshold for one comes from the other nine."""

UNLABELLED_SHARE = 0.97
"""Share of pretended changes that must stay below a threshold that is fitted without labels."""


@dataclass(frozen=True, slots=True)
class Change:
    """A software change.

    Attributes:
        bad: Its label; None when that is not known.
        group: Changes of one group share series.
    """

    id: str
    start_s: int
    bad: bool | None
    group: str


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """How a change scored.

    Attributes:
        scores: Largest score up to each minute, never falling, (minutes,).
        placebos: Largest score of each change that was pretended in its past, (placebos,).
    """

    scores: Floats
    placebos: Floats

    @property
    def score(self) -> float:
        """Return the largest score."""
        return float(self.scores[-1]) if len(self.scores) else 0.0

    def alarm(self, threshold: float) -> int | None:
        """Return the first minute whose score passes the threshold."""
        passed = np.flatnonzero(self.scores > threshold)
        return int(passed[0]) if len(passed) else None


def f1(alarmed: Flags, bad: Flags) -> float:
    """Return the harmonic mean of precision and recall, 0 when nothing is bad or alarmed."""
    everything = int(alarmed.sum() + bad.sum())
    return 2.0 * int((alarmed & bad).sum()) / everything if everything else 0.0


def best_threshold(scores: Floats, bad: Flags) -> float:
    """Return the threshold of the best F1: the middle one where several are equally good.

    Args:
        scores: Largest score of each change, at least one.
        bad: Which of them are bad.
    """
    values = np.unique(scores)
    between = np.concatenate(([values[0] - 1.0], 0.5 * (values[1:] + values[:-1])))
    reached = np.array([f1(scores > threshold, bad) for threshold in between])
    return float(np.median(between[reached >= reached.max() - 1e-12]))


def unlabelled_threshold(said: list[Judged]) -> float:
    """Return the threshold that `UNLABELLED_SHARE` of all pretended changes stay below."""
    together = np.concatenate([one.placebos for one in said])
    return float(np.quantile(together, UNLABELLED_SHARE)) if len(together) else float("inf")


def figures(changes: list[Change], said: list[Judged], threshold: float) -> dict[str, Any]:
    """Return the scored figures; null where they need labels that are not there.

    `f1_cv` takes the threshold for each tenth of the groups from the labels of the others;
    `f1_cv_unlabelled` from the placebos of the others, without labels.
    """
    alarms = [one.alarm(threshold) for one in said]
    alarmed = np.array([minute is not None for minute in alarms], dtype=bool)
    counts: dict[str, Any] = {"changes": len(changes), "alarms": int(alarmed.sum())}
    found: dict[str, Any] = dict.fromkeys(
        ("f1", "f1_cv", "f1_cv_unlabelled", "precision", "recall", "false_share", "median_min")
    )
    placebos = np.concatenate([one.placebos for one in said]) if said else np.zeros(0)
    found["placebo_share"] = round(float((placebos > threshold).mean()), 4) if len(placebos) else None
    found["threshold"] = threshold
    found["counts"] = counts
    if not changes or any(change.bad is None for change in changes):
        return found
    bad = np.array([bool(change.bad) for change in changes])
    scores = np.array([one.score for one in said])
    true = alarmed & bad
    false, missed = int((alarmed & ~bad).sum()), int((bad & ~alarmed).sum())
    counts |= {"bad": int(bad.sum()), "false": false, "missed": missed}
    waited = [minute for minute, is_true in zip(alarms, true, strict=True) if is_true and minute is not None]
    fitted, unlabelled = _out_of_fold(changes, said, scores, bad)
    return found | {
        "f1": round(f1(alarmed, bad), 4),
        "f1_cv": round(f1(fitted, bad), 4),
        "f1_cv_unlabelled": round(f1(unlabelled, bad), 4),
        "precision": round(int(true.sum()) / int(alarmed.sum()), 4) if alarmed.any() else None,
        "recall": round(int(true.sum()) / int(bad.sum()), 4) if bad.any() else None,
        "false_share": round(false / int((~bad).sum()), 4) if not bad.all() else None,
        "median_min": float(np.median(waited)) if waited else None,
    }


def _out_of_fold(
    changes: list[Change], said: list[Judged], scores: Floats, bad: Flags
) -> tuple[Flags, Flags]:
    """Return who alarms at thresholds of the other folds: fitted to labels, and to placebos."""
    groups = sorted({change.group for change in changes})
    fold = {group: number % FOLDS for number, group in enumerate(groups)}
    folds = np.array([fold[change.group] for change in changes])
    fitted, unlabelled = np.zeros(len(changes), dtype=bool), np.zeros(len(changes), dtype=bool)
    for number in range(min(FOLDS, len(groups))):
        inside = folds == number
        if inside.all():
            continue
        others = [one for one, is_inside in zip(said, inside, strict=True) if not is_inside]
        fitted[inside] = scores[inside] > best_threshold(scores[~inside], bad[~inside])
        unlabelled[inside] = scores[inside] > unlabelled_threshold(others)
    return fitted, unlabelled
