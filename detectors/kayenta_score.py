"""Kayenta's score of a release: the share of passing metrics in each group, weighted over the groups.

Written after Kayenta's documentation (spinnaker/kayenta, `WeightedSumScorer` and `ThresholdScoreClassifier`,
Apache-2.0); no code was taken over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from detectors.kayenta_metrics import Classified, Label

_FAILED = (Label.HIGH, Label.LOW, Label.NODATA_FAIL)


class Standing(StrEnum):
    """What a score is called."""

    PASS = "Pass"  # noqa: S105  # a verdict's name and no password
    MARGINAL = "Marginal"
    FAIL = "Fail"
    NODATA = "Nodata"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The score of a release.

    Attributes:
        score: 0 to 100.
        groups: Score of each group that has data, 0 to 100.
        reason: In words.
    """

    score: float
    standing: Standing
    groups: dict[str, float]
    reason: str


def scored(
    metrics: Sequence[tuple[str, str, Classified]],
    weights: Mapping[str, float],
    *,
    pass_score: float,
    marginal_score: float,
) -> Scored:
    """Return the score of a release.

    A critical metric that failed or has no data makes it 0. Groups without data have no part in it. Groups
    without a weight share evenly what the named weights leave of 100, or weigh 1 each where they name none.

    Args:
        metrics: (name, group, what it was found to be) of every metric that counts.
        weights: Weight of each group, not negative.
        pass_score: From here on the release passes.
        marginal_score: Below, it fails.

    >>> fine, bad = Classified(label=Label.PASS), Classified(label=Label.HIGH)
    >>> metrics = [("p50", "latency", fine), ("p99", "latency", bad), ("5xx", "errors", fine)]
    >>> scored(metrics, {"latency": 50, "errors": 50}, pass_score=80, marginal_score=50).score
    75.0
    """
    critical = next((metric for metric in metrics if metric[2].is_critical), None)
    groups: dict[str, float] = {}
    for group in sorted({group for _, group, _ in metrics}):
        labels = [found.label for _, of, found in metrics if of == group and found.label is not Label.NODATA]
        if labels:
            groups[group] = 100.0 * labels.count(Label.PASS) / len(labels)
    if critical is not None:
        reason = f"critical metric {critical[0]} is {critical[2].label}"
        return Scored(score=0.0, standing=Standing.FAIL, groups=groups, reason=reason)
    weighing = _weights(tuple(groups), weights)
    total = sum(weighing.values())
    if not total:
        return Scored(score=0.0, standing=Standing.NODATA, groups=groups, reason="no metric has data")
    score = sum(groups[name] * weight for name, weight in weighing.items()) / total
    failed = [f"{name} {found.label}" for name, _, found in metrics if found.label in _FAILED]
    if score >= pass_score:
        standing = Standing.PASS
    else:
        standing = Standing.MARGINAL if score >= marginal_score else Standing.FAIL
    return Scored(
        score=score, standing=standing, groups=groups, reason=", ".join(failed) or "every metric passes"
    )


def _weights(groups: tuple[str, ...], named: Mapping[str, float]) -> dict[str, float]:
    unnamed = [group for group in groups if group not in named]
    if len(unnamed) == len(groups):
        return dict.fromkeys(groups, 1.0)
    left = max(100.0 - sum(named.values()), 0.0) / max(len(unnamed), 1)
    return {group: float(named.get(group, left)) for group in groups}
