"""The Kayenta-compatible judge: evidence as Kayenta's rule gives it, in the forms that all judging here has.

For teams that come from there, and as a baseline. It is no sequential test: each analysis is a test of its
own, so `judge.alpha` bounds nothing, and it takes minutes for independent. What it says in a `log_e` is
therefore no e-value: 0 for a metric that does not convict, and minus the logarithm of the Mann-Whitney test's
p-value for one that failed in an analysis whose score is below `marginal_score`. The text says the score.

One signal of one edge is one metric, one interval one value: the level over all pods of a side. Signals are
the groups, weighted by their shares; a signal without a share is shown and not scored.
"""

from dataclasses import dataclass, replace
from math import log

import numpy as np

from detectors.case import Case, Finding, Span
from detectors.kayenta_metrics import Classified, Label, Limits, MetricRule, Way, classify
from detectors.kayenta_score import Scored, Standing, scored
from detectors.kayenta_statistics import Floats
from detectors.log_counts import is_of_templates
from detectors.panels import Panel, edges_of, panel
from detectors.sentences import quantity
from detectors.weighing import side_of
from schemas.judgements import Evidence
from schemas.kayenta import KayentaSettings
from schemas.signals import Direction, Signal, SignalKind

DETECTOR = "kayenta"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metric:
    """One signal of one edge, and what it was found to be."""

    signal: Signal
    edge: str
    canary: Panel
    stable: Panel
    found: Classified


def kayenta_findings(case: Case) -> tuple[Finding, ...]:
    """Return what Kayenta's rule says of a release, failed metrics first.

    Nothing convicts before the first analysis is due; from then on the findings are those of the newest one.
    """
    settings = case.rule.judge.kayenta
    analysed = _analysed_until(case)
    span = replace(case.span, end=analysed if analysed is not None else case.span.end)
    signals = [signal for signal in case.rule.signals if not is_of_templates(signal)]
    metrics = [metric for signal in signals for metric in _metrics(case, signal, span)]
    counted = [metric for metric in metrics if metric.signal.share > 0]
    score = scored(
        [(metric.signal.name, metric.signal.name, metric.found) for metric in counted],
        {signal.name: signal.share for signal in signals if signal.share > 0},
        pass_score=settings.pass_score,
        marginal_score=settings.marginal_score,
    )
    is_harmful = analysed is not None and score.standing is Standing.FAIL
    said = [_finding(case, metric, score, is_harmful, span) for metric in metrics]
    return tuple(sorted(said, key=_rank))


def _rank(finding: Finding) -> tuple[bool, float, str, str]:
    evidence = finding.evidence
    return not finding.can_convict, -evidence.log_e, evidence.signal, evidence.edge


def _analysed_until(case: Case) -> int | None:
    """Return the end of the newest analysis that is due, as an interval; None before the first."""
    judge, span = case.rule.judge, case.span
    if case.now >= case.release.started_at + judge.watch:
        return span.end
    every = judge.kayenta.analysis_interval // judge.interval
    done = (span.end - span.start) // every * every if every else 0
    return span.start + done if done else None


def _metrics(case: Case, signal: Signal, span: Span) -> list[_Metric]:
    """Return the metrics of a signal; one without data where no edge has any."""
    window, pods = case.window, case.found
    rule = _rule(signal, case.rule.judge.kayenta)
    edges = edges_of(window, (*pods.canary, *pods.stable), signal) or [""]
    start = span.start
    if signal.warm_up and signal.has_warm_up:
        born = [ms // window.width_ms for key in pods.canary if (ms := window.pods[key].first_ms) is not None]
        start = max(start, min(born, default=start) + signal.warm_up)
    metrics = []
    for edge in edges:
        canary = panel(window, pods.canary, signal, edge, start, span.end)
        stable = panel(window, pods.stable, signal, edge, start, span.end)
        found = classify(_values(stable), _values(canary), rule)
        metrics.append(_Metric(signal=signal, edge=edge, canary=canary, stable=stable, found=found))
    return metrics


def _rule(signal: Signal, settings: KayentaSettings) -> MetricRule:
    limits = Limits(decrease=max(1.0 - signal.margin_ratio, 0.0), increase=1.0 + signal.margin_ratio)
    return MetricRule(
        way=Way.INCREASE if signal.direction is Direction.UP else Way.DECREASE,
        tolerance=settings.tolerance,
        confidence=settings.confidence,
        allowed=limits,
        critical=limits,
        is_critical=signal.name in settings.critical,
        must_have_data=signal.name in settings.must_have_data,
        nan_strategy=settings.nan_strategy,
        outliers=settings.outliers,
        outlier_factor=settings.outlier_factor,
    )


def _values(side: Panel) -> Floats:
    """Return one value an interval, (intervals,), NaN where the side said nothing."""
    events, exposure = side.totals()
    with np.errstate(divide="ignore", invalid="ignore"):
        values: Floats = np.where(exposure > 0, events / exposure, np.nan)
    return values


def _finding(case: Case, metric: _Metric, score: Scored, is_harmful: bool, span: Span) -> Finding:
    """Return a metric's evidence; it convicts where it failed in an analysis that the release failed."""
    settings, found = case.rule.judge.kayenta, metric.found
    is_scored = metric.signal.share > 0
    is_failed = found.is_critical or found.label in (Label.HIGH, Label.LOW, Label.NODATA_FAIL)
    threshold = log(1.0 / (1.0 - settings.confidence))
    convicts = is_harmful and is_scored and is_failed
    canary, stable = side_of(metric.canary), side_of(metric.stable)
    ratio = metric.signal.margin_ratio
    return Finding(
        evidence=Evidence(
            id=case.evidence_id(metric.signal.name, metric.edge, DETECTOR),
            release=case.release.id,
            signal=metric.signal.name,
            detector=DETECTOR,
            at=case.now,
            canary=canary,
            control=stable,
            # With very few values Kayenta's interval is narrower than its level, and p larger than that.
            log_e=max(-log(found.p_value), threshold) if convicts else 0.0,
            threshold_log_e=threshold,
            margin=ratio * abs(stable.level) if stable.level is not None else 0.0,
            comparison="stable pods of the same minutes, by Kayenta's rule",
            join=case.found.join,
            edge=metric.edge,
            text=_text(metric, score if is_scored else None, canary.level, stable.level),
        ),
        alpha=case.rule.judge.alpha if is_scored else 0.0,
        first_bad=_first_bad(metric, span) if convicts else -1,
        is_doubt=is_scored and score.standing in (Standing.MARGINAL, Standing.FAIL),
    )


def _first_bad(metric: _Metric, span: Span) -> int:
    """Return the first interval whose value lies on the bad side of the control's mean beyond the margin."""
    values, control = _values(metric.canary), _values(metric.stable)
    known = control[np.isfinite(control)]
    if not len(known):
        return -1
    level = float(known.mean())
    sign = 1.0 if metric.signal.direction is Direction.UP else -1.0
    bad = np.flatnonzero(sign * (values - level) > metric.signal.margin_ratio * abs(level))
    return span.end - len(values) + int(bad[0]) if len(bad) else -1


def _text(metric: _Metric, score: Scored | None, canary: float | None, stable: float | None) -> str:
    sides = " against ".join(_level(metric.signal, level) for level in (canary, stable))
    caller = f" as called by {metric.edge}" if metric.edge else ""
    total = f"; score {score.score:.0f} of 100, {score.standing}" if score is not None else "; not scored"
    return f"{metric.signal.name}{caller} {sides} is {metric.found.label}: {metric.found.reason}{total}"


def _level(signal: Signal, level: float | None) -> str:
    if level is None:
        return "nothing"
    if signal.kind is SignalKind.COUNTS:
        return f"{quantity(100 * level)} %"
    return quantity(level) if signal.unit == "1" else f"{quantity(level)} {signal.unit}"
