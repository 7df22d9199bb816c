"""Evidence from what is not there: a canary that says nothing, or gets no calls, while its twins do."""

from math import log

import numpy as np
from numpy.typing import NDArray

from detectors.case import PRESENCE_SHARE, Case, Finding, Span
from detectors.panels import Floats, Panel, read, until
from detectors.presence import Habit, habit, silence
from detectors.sentences import silence_text
from detectors.weighing import side_of
from detectors.windows import ServiceWindow
from schemas.judgements import PRESENCE, Evidence


def of_presence(case: Case) -> list[Finding]:
    """Return what the canary's silence, and its lost traffic, are worth."""
    window, found, span = case.window, case.found, case.span
    if any(window.pods[key].refused_ahead for key in found.canary):
        # It speaks, and its clock is wrong: that is the instrument's fault and no silence.
        return []
    if window.blind.down:
        return []
    blind = window.blind.intervals(span.quiet, span.end, window.width_ms)
    lived = _lived(window, found.stable, span) & ~blind
    spoken = np.where(blind, 0.0, _spoken(window, found.stable, span.quiet, span.end))
    heard = _spoken(window, found.canary, span.start, span.end)
    usual = habit(spoken > 0, lived)
    calls, _ = read(window, found.stable, case.rule.traffic, None, span.quiet, span.end)
    calls = np.where(blind, 0.0, calls)
    called, _ = read(window, found.canary, case.rule.traffic, None, span.start, span.end, found.echoes)
    came = np.flatnonzero(called.sum(axis=0) > 0)
    # Without a count of requests there is one check and not two: it has the whole share.
    alpha = case.rule.judge.alpha * PRESENCE_SHARE / case.shares / (2.0 if len(came) else 1.0)
    # Nobody knows what it said while nothing was seen, so a silence begins anew after that.
    unseen = np.flatnonzero(blind)
    seen_since = span.quiet + int(unseen[-1]) + 1 if len(unseen) else span.start
    since = max(_expected_since(case), seen_since)
    requests = called.sum(axis=0)
    silent = _silence(case, "silence", "says nothing", since, heard, spoken, usual, alpha, requests)
    # Traffic that never came is a matter of routing: only what came and went counts.
    routed = max(span.start + int(came[0]), seen_since) if len(came) else span.end
    usual = habit(calls > 0, lived)
    starved = _silence(case, "traffic", "gets no traffic", routed, called, calls, usual, alpha, requests)
    return [finding for finding in (silent, starved) if finding is not None]


def _lived(window: ServiceWindow, pods: tuple[str, ...], span: Span) -> NDArray[np.bool_]:
    """Return in which intervals each pod was there to speak, (pods, intervals).

    From its first word to its deletion. Where the cluster tells nobody who was deleted, to its last word.
    """
    is_told = any(pod.ready_ms is not None or pod.deleted_ms is not None for pod in window.pods.values())
    lived = np.zeros((len(pods), max(span.end - span.quiet, 0)), dtype=bool)
    for row, key in enumerate(pods):
        pod = window.pods[key]
        if pod.first_ms is None or pod.last_ms is None:
            continue
        first = pod.first_ms // window.width_ms
        last = pod.last_ms // window.width_ms + 1
        if pod.deleted_ms is not None:
            last = pod.deleted_ms // window.width_ms
        elif is_told:
            last = span.end
        lived[row, max(first - span.quiet, 0) : max(last - span.quiet, 0)] = True
    return lived


def _silence(
    case: Case,
    detector: str,
    what: str,
    since: int,
    canary: Floats,
    stable: Floats,
    usual: Habit,
    alpha: float,
    requests: Floats,
) -> Finding | None:
    """Return what a silence that lasts is worth; None while it is short.

    Args:
        case: The look.
        detector: Name of the check.
        what: What the canary does not do, in words.
        since: First interval in which it should.
        canary: What the canary's pods said since the release began, (pods, intervals), 0 for silence.
        stable: The same of the stable pods since the quiet time began.
        usual: How stable pods fall silent.
        alpha: The check's part of the false-rollback budget.
        requests: What the canary's pods served together since the release, (intervals,).
    """
    quiet, stable = np.hsplit(stable, [case.span.start - case.span.quiet])
    threshold = log(1.0 / alpha)
    hush = silence(canary, stable, quiet, usual, threshold, since - case.span.start, requests)
    if hush.intervals < case.rule.judge.silent_intervals:
        return None
    control = side_of(Panel(stable, (stable > 0).astype(np.float64)))
    return Finding(
        evidence=Evidence(
            id=case.evidence_id(PRESENCE, "", detector),
            release=case.release.id,
            signal=PRESENCE,
            detector=detector,
            at=case.now,
            canary=side_of(Panel(canary, (canary > 0).astype(np.float64))),
            control=control,
            log_e=hush.log_e,
            threshold_log_e=threshold,
            margin=float(case.rule.judge.silent_intervals),
            comparison="stable pods of the same minutes",
            join=case.found.join,
            text=silence_text(hush, control, threshold, what),
        ),
        alpha=alpha,
        first_bad=case.span.start + hush.since,
        is_presence=True,
    )


def _spoken(window: ServiceWindow, pods: tuple[str, ...], first: int, end: int) -> Floats:
    counts = np.zeros((len(pods), max(end - first, 0)))
    for row, key in enumerate(pods):
        pod = window.pods[key]
        last = until(window, pod, end)
        if last > first:
            counts[row, : last - first] = pod.spoken.between(first, last)[0]
    return counts


def _expected_since(case: Case) -> int:
    """Return the first whole interval from which the canary should be heard.

    That is when a pod is ready. Where nobody says so, images may still be pulled: as many intervals again
    as make a silence are granted.
    """
    window, span = case.window, case.span
    heard = [window.pods[key].first_ms for key in case.found.canary]
    ready = [window.pods[key].ready_ms for key in case.found.canary]
    known = [ms for ms in (*heard, *ready) if ms is not None]
    if known:
        return min(max(min(known) // window.width_ms + 1, span.start), span.end)
    return min(span.start + 1 + case.rule.judge.silent_intervals, span.end)
