"""Evidence at one look: every signal and edge weighed, with its share of the false-rollback budget."""

from dataclasses import replace
from functools import partial
from math import log

import numpy as np
from numpy.typing import NDArray

from detectors.absence import of_presence
from detectors.case import CALLERS_SHARE, Case, Finding
from detectors.edge_budget import edge_parts
from detectors.history_expectation import Expectation, expectation, warmed
from detectors.history_memory import ages_of
from detectors.log_counts import is_of_templates
from detectors.log_evidence import of_log_templates
from detectors.panels import Panel, edges_of, panel, routes_of
from detectors.sentences import callers_text, evidence_text
from detectors.shared_damage import beside, comparable, hits_both
from detectors.turning_points import turning_point
from detectors.weighing import Weighed, side_of, weigh
from schemas.judgements import Evidence
from schemas.signals import Direction, Signal


def findings(case: Case) -> tuple[Finding, ...]:
    """Return everything that can be said of a release now, nearest to its threshold first."""
    signals = [signal for signal in case.rule.signals if not is_of_templates(signal)]
    said = [finding for signal in signals for finding in _of_signal(case, signal)]
    said += of_log_templates(case)
    said += [] if case.is_aftercare else of_presence(case)
    said += _of_callers(case)
    return tuple(sorted(said, key=_rank))


def _rank(finding: Finding) -> tuple[bool, float, str, str]:
    evidence = finding.evidence
    return not finding.can_convict, evidence.threshold_log_e - evidence.log_e, evidence.signal, evidence.edge


def _of_signal(case: Case, signal: Signal) -> list[Finding]:
    """Return what each edge of a signal says; the edges share the signal's budget."""
    window, found, span = case.window, case.found, case.span
    heard = (*found.canary, *(echo for _, echo in found.echoes))
    if not any(window.pods[key].spoke(span.start, span.end) for key in heard):
        return []
    edges = edges_of(window, (*found.canary, *found.stable), signal)
    # A pod that was upgraded in place lived before under the same name.
    names = {window.pods[key].name for key in found.canary}
    earlier = np.array([window.pods[key].name in names for key in found.before], dtype=bool)
    routes = routes_of(window, (*found.canary, *found.stable), signal)
    parts = edge_parts(window, (*found.canary, *found.stable), signal, edges, span, routes)
    said = []
    for edge in (*edges, *routes):
        canary = panel(window, found.canary, signal, edge, span.start, span.end, found.echoes)
        if signal.has_warm_up:
            canary = _warm(canary, case, signal, edge)
        stable = panel(window, found.stable, signal, edge, span.start, span.end)
        quiet = panel(window, found.before, signal, edge, span.quiet, span.quiet_end)
        is_route = edge in routes
        is_new = is_route and not (quiet.exposure > 0).any() and not (stable.exposure > 0).any()
        if is_route and not is_new:
            canary = beside(canary, stable)
        canary = comparable(signal, canary, stable, quiet)
        if not (canary.exposure > 0).any():
            continue
        usual = _usual(case, signal, edge, stable)
        weighed = _weighed(signal, (canary, stable, quiet), earlier, usual)
        if hits_both(signal, canary, stable, quiet):
            weighed = replace(weighed, predates=True)
        can_convict = signal.share > 0 and parts[edge] > 0 and not is_new
        if is_route and not is_new and (weighed.log_e <= 0 or not can_convict):
            # Routes without anything against them would only crowd what is said of the whole.
            continue
        part = (parts[edge] or 1.0) * (signal.share or 1.0) / case.shares
        threshold = log(1.0 / (case.rule.judge.alpha * part))
        panels = canary, stable, quiet
        said.append(
            Finding(
                evidence=_evidence(case, signal, weighed, edge, threshold, usual),
                alpha=case.rule.judge.alpha * part if can_convict else 0.0,
                first_bad=_first_bad(case, signal, edge, weighed),
                predates=weighed.predates,
                is_route=is_route,
                turning=partial(_turning, signal, weighed, panels, earlier, usual, threshold),
            )
        )
    return said


def _first_bad(case: Case, signal: Signal, edge: str, weighed: Weighed) -> int:
    """Return the interval that counts against the canary first, back into the gap where that was bad."""
    span, before = case.span, weighed.quiet.level
    if weighed.first_bad < 0:
        return -1
    if before is None or weighed.first_bad > 0:
        return span.start + weighed.first_bad
    sign = 1.0 if signal.direction is Direction.UP else -1.0
    events, exposure = panel(
        case.window, case.found.canary, signal, edge, span.quiet_end, span.start
    ).totals()
    bad = span.start
    for place in range(span.gap - 1, -1, -1):
        if sign * (events[place] - before * exposure[place]) <= weighed.margin * exposure[place]:
            break
        bad = span.quiet_end + place
    return bad


def _turning(
    signal: Signal,
    weighed: Weighed,
    panels: tuple[Panel, Panel, Panel],
    earlier: NDArray[np.bool_],
    usual: Expectation | None,
    threshold: float,
) -> str:
    """Return what would have changed the verdict on a signal, in words."""

    def weighing(canary: Panel, stable: Panel) -> float:
        return _weighed(signal, (canary, stable, panels[2]), earlier, usual).log_e

    return turning_point(signal, weighed, panels[0], panels[1], threshold, weighing)


def _warm(canary: Panel, case: Case, signal: Signal, edge: str) -> Panel:
    """Return the panel without each fresh pod's warm-up: as earlier good releases showed, or as set."""
    window, span = case.window, case.span
    if case.past is not None:
        ages = ages_of(window, case.found.canary, span.start, span.end)
        discounted, is_known = warmed(canary, ages, case.past, signal, edge)
        if is_known:
            return discounted
    mask = np.ones_like(canary.exposure, dtype=bool)
    for row, key in enumerate(case.found.canary):
        first_ms = window.pods[key].first_ms
        if first_ms is not None:
            mask[row, : max(first_ms // window.width_ms + signal.warm_up - span.start, 0)] = False
    return canary.only(mask)


def _usual(case: Case, signal: Signal, edge: str, stable: Panel) -> Expectation | None:
    """Return what the past expects of a signal, where some interval has no stable pod to compare with."""
    span = case.span
    if case.past is None or (stable.exposure > 0).any(axis=0).all():
        return None
    spans = span.quiet, span.quiet_end, span.end
    is_release = not case.is_aftercare
    usual = expectation(case.past, signal, edge, spans, case.window.width_ms, is_release=is_release)
    return usual if usual is None or not span.gap else replace(usual, live=usual.live[span.gap :])


def _weighed(
    signal: Signal,
    panels: tuple[Panel, Panel, Panel],
    earlier: NDArray[np.bool_],
    usual: Expectation | None,
) -> Weighed:
    """Return what a signal says of the canary, stable and quiet panels, without the tide that is expected."""
    canary, stable, quiet = panels
    if usual is None:
        return weigh(signal, canary, stable, quiet, earlier)
    still, before = usual.without_tide(canary, stable, quiet)
    weighed = weigh(signal, still, stable, before, earlier, usual.drift)
    if not weighed.is_before_after or (stable.exposure > 0).any():
        return replace(weighed, canary=side_of(canary))
    return replace(weighed, canary=side_of(canary), control=usual.of(weighed.quiet))


def _evidence(
    case: Case,
    signal: Signal,
    weighed: Weighed,
    edge: str,
    threshold: float,
    usual: Expectation | None = None,
) -> Evidence:
    past = "the quiet time" if usual is None else usual.text
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
            f"stable pods of the same minutes, and {past} where none spoke"
            if weighed.is_before_after
            else "stable pods of the same minutes"
        ),
        join=case.found.join,
        edge=edge,
        text=evidence_text(signal, weighed, edge, threshold, case.before),
        is_shared=weighed.predates,
    )


def _of_callers(case: Case) -> list[Finding]:
    """Return what callers say of the service, against what they said before the release.

    A caller cannot tell old pods from new, so there is no control but the past. Damage that the service's
    stable pods see themselves comes from further down the call graph, and is not the release's.
    """
    window, found, span = case.window, case.found, case.span
    signals = [
        s for s in case.rule.signals if s.share > 0 and s.bound_share is None and not is_of_templates(s)
    ]
    told = [(signal, edge) for signal in signals for edge in edges_of(window, found.callers, signal)]
    said = []
    for signal, edge in told:
        pods = tuple(key for key in found.callers if window.pods[key].observer == edge)
        live = panel(window, pods, signal, edge, span.start + 1, span.end)
        quiet = panel(window, pods, signal, edge, span.quiet, span.quiet_end)
        if not (live.exposure > 0).any() or not (quiet.exposure > 0).any():
            continue
        none = Panel(np.zeros_like(live.events), np.zeros_like(live.exposure))
        weighed = weigh(signal, live, none, quiet, np.ones(len(pods), dtype=bool))
        weighed = replace(weighed, predates=_is_seen_by_stable(case, signal))
        alpha = case.rule.judge.alpha * CALLERS_SHARE / case.shares / len(told)
        threshold = log(1.0 / alpha)
        said.append(
            Finding(
                evidence=replace(
                    _evidence(case, signal, weighed, edge, threshold),
                    id=case.evidence_id(signal.name, edge, "callers"),
                    detector="callers",
                    comparison=f"the same caller {case.before}",
                    text=callers_text(signal, weighed, edge, threshold, case.before),
                ),
                alpha=alpha,
                first_bad=span.start + 1 + weighed.first_bad if weighed.first_bad >= 0 else -1,
                predates=weighed.predates,
                is_callers=True,
            )
        )
    return said


def _is_seen_by_stable(case: Case, signal: Signal) -> bool:
    """Return whether the stable pods themselves left the quiet level since the release began."""
    window, found, span = case.window, case.found, case.span
    sign = 1.0 if signal.direction is Direction.UP else -1.0
    for edge in edges_of(window, found.stable, signal):
        before = side_of(panel(window, found.stable, signal, edge, span.quiet, span.quiet_end)).level
        after = side_of(panel(window, found.stable, signal, edge, span.start, span.end)).level
        if before is None or after is None:
            continue
        if sign * (after - before) > max(signal.margin_ratio * abs(before), signal.margin_floor):
            return True
    return False
