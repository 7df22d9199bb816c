"""The instrument itself: when what it says of the canary contradicts itself, it cannot be believed."""

from detectors.case import Case
from detectors.panels import read
from schemas.signals import SignalKind

TOLERANCE = 1.05
"""Errors may exceed requests by so much before the instrument is called broken: two counters are never read
at quite the same instant."""


def contradiction(case: Case) -> str:
    """Return what cannot be true of the canary's telemetry, as a sentence; "" when nothing stands out."""
    window, rule, found, span = case.window, case.rule, case.found, case.span
    pods = [window.pods[key] for key in found.canary]
    refused = sum(pod.refused_ahead for pod in pods)
    if pods and refused and all(pod.refused_ahead or pod.first_ms is None for pod in pods):
        return (
            f"every clock of the canary is wrong: its newest {refused:,} samples are more than "
            f"{rule.judge.skew} ahead of the log's time"
        )
    for signal in rule.signals:
        if signal.exposure is None:
            continue
        events, readings = read(window, found.canary, signal.events, None, span.start, span.end)
        exposure, _ = read(window, found.canary, signal.exposure, None, span.start, span.end)
        told = int((readings.sum(axis=0) > 0).sum())
        if told < rule.judge.min_intervals:
            continue
        total, out_of = float(events.sum()), float(exposure.sum())
        is_part = signal.kind is SignalKind.COUNTS and signal.events.metric == signal.exposure.metric
        if is_part and out_of > 0 and total > TOLERANCE * out_of + 1:
            return f"{signal.name} counts {total:,.0f} events of only {out_of:,.0f} on the canary"
        if signal.kind is SignalKind.MEANS and total > 0 and out_of <= 0:
            return f"{signal.name} adds up {total:,.3g} {signal.unit} of no requests at all on the canary"
    return ""
