"""Evidence at one look: every signal and edge weighed, with its share of the false-rollback budget."""

from dataclasses import dataclass, replace
from datetime import datetime
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from detectors.panels import Floats, Panel, edges_of, panel, read
from detectors.presence import Habit, habit, silence
from detectors.sentences import callers_text, evidence_text, silence_text
from detectors.sides import Sides
from detectors.weighing import Weighed, side_of, weigh
from detectors.windows import ServiceWindow
from schemas.judgements import Evidence
from schemas.keys import SignalName, derived_id
from schemas.policy import Rule
from schemas.releases import Release
from schemas.signals import Direction, Signal, SignalKind

PRESENCE = SignalName("presence")

PRESENCE_SHARE = 2.0
"""Share of the false-rollback budget for silence and lost traffic, relative to the signals' shares."""

CALLERS_SHARE = 1.0
"""Share of the budget for damage that only callers see, where callers tell at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Interval indices of a look: quiet time from `quiet`, live time from `start` to before `end`."""

    quiet: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Evidence, with what the verdict needs to know beside it.

    Attributes:
        alpha: This evidence's part of the false-rollback budget; 0 never convicts.
        first_bad: Interval that counts against the canary first; -1 for none.
        predates: The damage is older than the release, or hits old and new pods alike.
        is_presence: It is about silence or lost traffic.
        is_callers: It was seen by a caller, which cannot tell the canary's pods from others.
    """

    evidence: Evidence
    alpha: float
    first_bad: int = -1
    predates: bool = False
    is_presence: bool = False
    is_callers: bool = False

    @property
    def can_convict(self) -> bool:
        """Return whether it has a share of the budget."""
        return self.alpha > 0

    @property
    def is_own(self) -> bool:
        """Return whether it compares the service's own pods."""
        return not self.is_presence and not self.is_callers

    def p_value(self, alpha: float) -> float:
        """Return the anytime-valid p-value for the whole release, in (0, 1]."""
        return min(1.0, exp(-self.evidence.log_e) * alpha / self.alpha) if self.alpha > 0 else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that one look goes by.

    Attributes:
        rule_digest: Digest of the settings, part of what evidence is identified by.
        found: Who runs the release and who does not.
        now: The log's time.
    """

    release: Release
    window: ServiceWindow
    rule: Rule
    rule_digest: str
    found: Sides
    span: Span
    now: datetime

    @property
    def shares(self) -> float:
        """Return all shares of the false-rollback budget together."""
        callers = CALLERS_SHARE if self.found.callers else 0.0
        return sum(signal.share for signal in self.rule.signals) + PRESENCE_SHARE + callers

    def evidence_id(self, signal: str, edge: str, detector: str) -> str:
        """Return the id of one piece of evidence at this look."""
        at = self.now.isoformat()
        return derived_id("evidence", self.release.id, signal, edge, detector, self.rule_digest, at)


def findings(case: Case) -> tuple[Finding, ...]:
    """Return everything that can be said of a release now, nearest to its threshold first."""
    said = [finding for signal in case.rule.signals for finding in _of_signal(case, signal)]
    said += _of_presence(case)
    said += _of_callers(case)
    return tuple(sorted(said, key=_rank))


def _rank(finding: Finding) -> tuple[bool, float, str, str]:
    evidence = finding.evidence
    return not finding.can_convict, evidence.threshold_log_e - evidence.log_e, evidence.signal, evidence.edge


def _of_signal(case: Case, signal: Signal) -> list[Finding]:
    """Return what each edge of a signal says; the edges share the signal's budget."""
    window, found, span = case.window, case.found, case.span
    edges = edges_of(window, (*found.canary, *found.stable), signal)
    # A pod that was upgraded in place lived before under the same name.
    names = {window.pods[key].name for key in found.canary}
    earlier = np.array([window.pods[key].name in names for key in found.stable], dtype=bool)
    said = []
    for edge in edges:
        canary = panel(window, found.canary, signal, edge, span.start, span.end)
        if signal.warm_up and signal.kind is not SignalKind.COUNTS:
            canary = _warm(canary, window, found.canary, span, signal.warm_up)
        if not (canary.exposure > 0).any():
            continue
        stable = panel(window, found.stable, signal, edge, span.start, span.end)
        quiet = panel(window, found.stable, signal, edge, span.quiet, span.start)
        weighed = weigh(signal, canary, stable, quiet, earlier)
        part = (signal.share or 1.0) / case.shares / len(edges)
        said.append(
            Finding(
                evidence=_evidence(case, signal, weighed, edge, log(1.0 / (case.rule.judge.alpha * part))),
                alpha=case.rule.judge.alpha * part if signal.share > 0 else 0.0,
                first_bad=span.start + weighed.first_bad if weighed.first_bad >= 0 else -1,
                predates=weighed.predates,
            )
        )
    return said


def _warm(canary: Panel, window: ServiceWindow, pods: tuple[str, ...], span: Span, warm_up: int) -> Panel:
    """Return the panel without each fresh pod's first intervals."""
    mask = np.ones_like(canary.exposure, dtype=bool)
    for row, key in enumerate(pods):
        first_ms = window.pods[key].first_ms
        if first_ms is not None:
            warm = first_ms // window.width_ms + warm_up
            mask[row, : max(warm - span.start, 0)] = False
    return canary.only(mask)


def _evidence(case: Case, signal: Signal, weighed: Weighed, edge: str, threshold: float) -> Evidence:
    return Evidence(
        id=case.evidence_id(signal.name, edge, weighed.detector),
        release=case.release.id,
        signal=signal.name,
        detector=weighed.detector,
        at=case.now,
        canary=weighed.canary,
        control=weighed.control,
        log_e=weighed.log_e,
        threshold_log_e=threshold,
        margin=weighed.margin,
        comparison=(
            "stable pods of the same minutes, and the quiet time where none spoke"
            if weighed.is_before_after
            else "stable pods of the same minutes"
        ),
        join=case.found.join,
        edge=edge,
        text=evidence_text(signal, weighed, edge, threshold),
    )


def _of_callers(case: Case) -> list[Finding]:
    """Return what callers say of the service, against what they said before the release.

    A caller cannot tell old pods from new, so there is no control but the past. Damage that the service's
    stable pods see themselves comes from further down the call graph, and is not the release's.
    """
    window, found, span = case.window, case.found, case.span
    signals = [signal for signal in case.rule.signals if signal.share > 0]
    told = [(signal, edge) for signal in signals for edge in edges_of(window, found.callers, signal)]
    said = []
    for signal, edge in told:
        pods = tuple(key for key in found.callers if window.pods[key].observer == edge)
        live = panel(window, pods, signal, edge, span.start + 1, span.end)
        quiet = panel(window, pods, signal, edge, span.quiet, span.start)
        if not (live.exposure > 0).any() or not (quiet.exposure > 0).any():
            continue
        none = Panel(np.zeros_like(live.events), np.zeros_like(live.exposure))
        weighed = weigh(signal, live, none, quiet, np.ones(len(pods), dtype=bool))
        alpha = case.rule.judge.alpha * CALLERS_SHARE / case.shares / len(told)
        threshold = log(1.0 / alpha)
        said.append(
            Finding(
                evidence=replace(
                    _evidence(case, signal, weighed, edge, threshold),
                    id=case.evidence_id(signal.name, edge, "callers"),
                    detector="callers",
                    comparison="the same caller before the release",
                    text=callers_text(signal, weighed, edge, threshold),
                ),
                alpha=alpha,
                first_bad=span.start + 1 + weighed.first_bad if weighed.first_bad >= 0 else -1,
                predates=_is_seen_by_stable(case, signal),
                is_callers=True,
            )
        )
    return said


def _is_seen_by_stable(case: Case, signal: Signal) -> bool:
    """Return whether the stable pods themselves left the quiet level since the release began."""
    window, found, span = case.window, case.found, case.span
    sign = 1.0 if signal.direction is Direction.UP else -1.0
    for edge in edges_of(window, found.stable, signal):
        before = side_of(panel(window, found.stable, signal, edge, span.quiet, span.start)).level
        after = side_of(panel(window, found.stable, signal, edge, span.start, span.end)).level
        if before is None or after is None:
            continue
        if sign * (after - before) > max(signal.margin_ratio * abs(before), signal.margin_floor):
            return True
    return False


def _of_presence(case: Case) -> list[Finding]:
    """Return what the canary's silence, and its lost traffic, are worth."""
    window, found, span = case.window, case.found, case.span
    if any(window.pods[key].refused_ahead for key in found.canary):
        # It speaks, and its clock is wrong: that is the instrument's fault and no silence.
        return []
    lived = _lived(window, found.stable, span)
    live = slice(span.start - span.quiet, None)
    spoken = _spoken(window, found.stable, span.quiet, span.end)
    heard = _spoken(window, found.canary, span.start, span.end)
    usual = habit(spoken > 0, lived)
    calls, _ = read(window, found.stable, case.rule.traffic, None, span.quiet, span.end)
    called, _ = read(window, found.canary, case.rule.traffic, None, span.start, span.end)
    came = np.flatnonzero(called.sum(axis=0) > 0)
    # Without a count of requests there is one check and not two: it has the whole share.
    alpha = case.rule.judge.alpha * PRESENCE_SHARE / case.shares / (2.0 if len(came) else 1.0)
    since = _expected_since(case)
    silent = _silence(case, "silence", "says nothing", since, heard, spoken[:, live], usual, alpha)
    # Traffic that never came is a matter of routing: only what came and went counts.
    routed = span.start + int(came[0]) if len(came) else span.end
    usual = habit(calls > 0, lived)
    starved = _silence(case, "traffic", "gets no traffic", routed, called, calls[:, live], usual, alpha)
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
) -> Finding | None:
    """Return what a silence that lasts is worth; None while it is short.

    Args:
        case: The look.
        detector: Name of the check.
        what: What the canary does not do, in words.
        since: First interval in which it should.
        canary: What the canary's pods said since the release began, (pods, intervals), 0 for silence.
        stable: The same of the stable pods.
        usual: How stable pods fall silent.
        alpha: The check's part of the false-rollback budget.
    """
    place = since - case.span.start
    hush = silence(canary.sum(axis=0)[place:], stable[:, place:], usual)
    if hush.intervals < case.rule.judge.silent_intervals:
        return None
    threshold = log(1.0 / alpha)
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
            text=silence_text(hush.intervals, control, hush.log_e, threshold, what),
        ),
        alpha=alpha,
        first_bad=since + hush.since,
        is_presence=True,
    )


def _spoken(window: ServiceWindow, pods: tuple[str, ...], first: int, end: int) -> Floats:
    counts = np.zeros((len(pods), max(end - first, 0)))
    for row, key in enumerate(pods):
        counts[row] = window.pods[key].spoken.between(first, end)[0]
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
