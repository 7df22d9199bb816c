"""The watch over one release: what its evidence adds up to at each look.

A watch that ends healthy is followed by aftercare (`detectors.aftercare`), in which nothing is news but harm.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import log

from pydantic import AwareDatetime

from detectors.aftercare import Aftercare, aftercare_of, round_of, sides_of
from detectors.call_graph import callers_of
from detectors.case import Case, Finding, Span
from detectors.echoes import sources
from detectors.evidence import findings
from detectors.history_memory import PastMemory
from detectors.instrument import contradiction
from detectors.kayenta import kayenta_findings
from detectors.sentences import counted
from detectors.sides import learn_template, sides
from detectors.tails import with_bounds
from detectors.waiting import missing, reach, traffic_of
from detectors.windows import ServiceWindow
from schemas.instants import from_ms, to_ms
from schemas.judgements import Evidence, Suspicion, VerdictKind
from schemas.keys import NO_TEMPLATE, TemplateHash
from schemas.policy import JudgeMethod, Rule
from schemas.releases import Release

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True, kw_only=True)
class ReleaseWatch:
    """State of one watch.

    Attributes:
        template: The release's pod template, named or learnt; "" while unknown.
        is_template_seen: A pod carries it, so it is settled.
        looked_until: End (exclusive) of the intervals that were looked at, as an interval index.
        convicted_at: When evidence first crossed its threshold.
        first_bad_at: Start of the first interval that counts against it.
        kind: Last verdict that was news; None before the first.
        confidence: Its confidence.
        confidence_reached: Highest confidence of any evidence so far: 1 - anytime-valid p-value.
        convicted_by: The sentence of each signal that crossed its threshold, in the order of crossing.
        aftercare: What follows a watch that ended healthy; None before that, and where nothing does.
        is_over: Nothing more is looked at.
    """

    release: Release
    opened_at: AwareDatetime
    template: TemplateHash = NO_TEMPLATE
    is_template_seen: bool = False
    looked_until: int = 0
    convicted_at: AwareDatetime | None = None
    convicted_by: dict[str, str] = field(default_factory=dict)
    first_bad_at: AwareDatetime | None = None
    confidence_reached: float = 0.0
    kind: VerdictKind | None = None
    confidence: float = 0.0
    aftercare: Aftercare | None = None
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at a release found.

    Attributes:
        is_final: The watch is over; a later look may find harm, and nothing else.
        is_over: No look follows.
        is_news: A new verdict should be published: kind, finality or confidence changed.
        evidence: Newest evidence of each signal and edge, strongest first.
    """

    kind: VerdictKind
    is_final: bool
    is_over: bool
    confidence: float
    reasons: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    suspicion: Suspicion
    first_bad_at: datetime | None
    is_news: bool


def open_watch(release: Release, window: ServiceWindow, rule: Rule, at: datetime) -> ReleaseWatch:
    """Begin to watch a release.

    Args:
        release: What was deployed.
        window: Its service's window.
        rule: The rule that holds for it.
        at: The log's time.
    """
    window.tick(rule, at)
    return ReleaseWatch(
        release=release,
        opened_at=at,
        template=learn_template(window, release),
        looked_until=to_ms(release.started_at) // window.width_ms,
    )


def look(
    watch: ReleaseWatch,
    window: ServiceWindow,
    rule: Rule,
    rule_digest: str,
    now: datetime,
    past: PastMemory | None = None,
) -> Look | None:
    """Return what is known of a release now; None when no interval closed since the last look.

    Args:
        watch: The release's state; it is brought up to date.
        window: Its service's window.
        rule: The rule that holds for it.
        rule_digest: Digest of the settings, part of what evidence is identified by.
        now: The log's time.
        past: What is remembered of the service; None for nothing.
    """
    if watch.is_over:
        return None
    window.tick(rule, now)
    end = (to_ms(now) - rule.judge.lateness // _MILLISECOND) // window.width_ms
    aftercare = watch.aftercare
    is_last = now >= (aftercare.until if aftercare else watch.release.started_at + rule.judge.watch)
    if end <= watch.looked_until and not is_last:
        return None
    watch.looked_until = max(end, watch.looked_until)
    if not watch.is_template_seen:
        watch.template = learn_template(window, watch.release)
        watch.is_template_seen = any(pod.template == watch.template != "" for pod in window.pods.values())
    case = _case(watch, window, rule, rule_digest, now, end, past)
    is_kayenta = rule.judge.method is JudgeMethod.KAYENTA
    said = kayenta_findings(case) if is_kayenta else findings(case)
    broken = window.blind.reason() or contradiction(case)
    is_final = is_last or aftercare is not None
    _convict(watch, rule, case, said, broken)
    kind, reasons = _conclude(watch, case, said, broken, is_final)
    confidence = watch.confidence_reached if kind is VerdictKind.HARMFUL else 0.0
    is_news = (
        kind is not watch.kind
        or (is_last and aftercare is None)
        or (kind is VerdictKind.HARMFUL and confidence - watch.confidence > 0.1 * (1.0 - watch.confidence))
    )
    if is_news:
        watch.kind, watch.confidence = kind, confidence
        if kind in (VerdictKind.HARMFUL, VerdictKind.HEALTHY):
            said = _explained(said)
            _convict(watch, rule, case, said, broken)
            _, reasons = _conclude(watch, case, said, broken, is_final)
    if is_last and aftercare is None and kind is VerdictKind.HEALTHY:
        watch.aftercare = aftercare_of(case)
    watch.is_over = is_last and (aftercare is not None or watch.aftercare is None)
    return Look(
        kind=kind,
        is_final=is_final,
        is_over=watch.is_over,
        confidence=confidence,
        reasons=reasons,
        evidence=tuple(finding.evidence for finding in said),
        suspicion=_suspicion(watch, case, said),
        first_bad_at=watch.first_bad_at if kind is VerdictKind.HARMFUL else None,
        is_news=is_news,
    )


def _case(
    watch: ReleaseWatch,
    window: ServiceWindow,
    rule: Rule,
    rule_digest: str,
    now: datetime,
    end: int,
    past: PastMemory | None,
) -> Case:
    """Return what a look goes by: the release's minutes since it began, or those of its aftercare's round."""
    # What is not kept any more cannot be looked at, however long ago a deploy event says it began.
    start = max(to_ms(watch.release.started_at) // window.width_ms, window.floor)
    quiet = max(start - rule.judge.quiet // rule.judge.interval, window.floor)
    span = Span(quiet=quiet, start=start, end=max(end, start))
    found = sides(window, watch.release, watch.template)
    if watch.aftercare is not None:
        span = round_of(watch.aftercare, window, rule, end)
        found = sides_of(found, window, span)
        rule = replace(rule, judge=replace(rule.judge, alpha=watch.aftercare.alpha))
    found = replace(found, echoes=sources(window, found.canary, found.stable, span.end))
    return Case(
        release=watch.release,
        window=window,
        rule=with_bounds(rule, window, found.before, (span.quiet, span.quiet_end), (span.start, span.end)),
        rule_digest=rule_digest,
        found=found,
        span=span,
        now=now,
        past=past,
        is_aftercare=watch.aftercare is not None,
    )


def _explained(said: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the findings; those that convict, and the strongest, say what would have changed the verdict."""
    told = []
    for place, finding in enumerate(said):
        evidence, turning = finding.evidence, finding.turning
        is_asked = finding.can_convict and not finding.predates and (evidence.convicts or not place)
        words = turning() if turning is not None and is_asked else ""
        text = f"{evidence.text}; {words}"
        told.append(replace(finding, evidence=replace(evidence, text=text)) if words else finding)
    return tuple(told)


def _convict(watch: ReleaseWatch, rule: Rule, case: Case, said: tuple[Finding, ...], broken: str) -> None:
    """Note what crossed its threshold: an e-value that did once has done so for good.

    Its confidence is held against the whole budget of the release, which `rule` has.
    """
    for finding in said:
        if broken and finding.is_presence:
            # What cannot be read is silent for its reader only: that is no evidence against the canary.
            continue
        evidence = finding.evidence
        if not finding.can_convict or not evidence.convicts or finding.predates:
            continue
        reached = 1.0 - finding.p_value(rule.judge.alpha)
        watch.confidence_reached = max(watch.confidence_reached, reached)
        watch.convicted_at = watch.convicted_at or case.now
        if finding.first_bad >= 0:
            bad_at = from_ms(finding.first_bad * case.window.width_ms)
            watch.first_bad_at = min(watch.first_bad_at or bad_at, bad_at)
        watch.convicted_by[f"{evidence.signal}|{evidence.edge}|{evidence.detector}"] = evidence.text


def _conclude(
    watch: ReleaseWatch, case: Case, said: tuple[Finding, ...], broken: str, is_final: bool
) -> tuple[VerdictKind, tuple[str, ...]]:
    """Return the verdict and its reasons, strongest first."""
    if watch.convicted_at is not None:
        return VerdictKind.HARMFUL, tuple(watch.convicted_by.values())
    if case.is_aftercare:
        return VerdictKind.HEALTHY, ("nothing speaks against it in its aftercare",)
    if broken:
        return VerdictKind.BROKEN, (broken,)
    judge, pods = case.rule.judge, case.window.pods
    passed = case.seen
    spoken = max((f.evidence.canary.intervals for f in said if f.is_own and f.can_convict), default=0)
    heard = sum(pods[key].first_ms is not None for key in case.found.canary)
    silent = next((f.evidence for f in said if f.evidence.detector == "silence"), None)
    if silent is not None:
        return VerdictKind.NODATA, (silent.text,)
    if not heard and passed >= judge.silent_intervals:
        alone = "the canary never spoke while stable pods did" if _speaks(case) else "nobody spoke"
        return VerdictKind.NODATA, (f"{alone} in {counted(passed, 'interval')}",)
    doubts = tuple(f.evidence.text for f in said if f.is_doubt)
    if doubts:
        return VerdictKind.INCONCLUSIVE, doubts
    traffic = traffic_of(case, said)
    wanted = missing(case, spoken, traffic)
    if not wanted:
        strongest = tuple(f.evidence.text for f in said if f.can_convict)[:3]
        margins = f"in {counted(spoken, 'interval')} of {counted(heard, 'canary pod')}"
        return VerdictKind.HEALTHY, (f"no damage beyond the margins {margins}{reach(traffic)}", *strongest)
    return VerdictKind.INCONCLUSIVE, (
        f"the watch {'is over' if is_final else 'goes on'} with {counted(spoken, 'interval')} of the canary; "
        f"a verdict needs {' and '.join(wanted)}",
    )


def _speaks(case: Case) -> bool:
    """Return whether any stable pod spoke since the release began."""
    start, end = case.span.start, case.span.end
    return any(case.window.pods[key].spoken.between(start, end)[1].any() for key in case.found.stable)


def _suspicion(watch: ReleaseWatch, case: Case, said: tuple[Finding, ...]) -> Suspicion:
    """Return what points at this release, for the ranking of blame."""
    ours = [f for f in said if f.is_own and f.can_convict and not f.predates]
    # The largest over routes is as large as one of the whole only where it pays for how many were asked.
    dearest = max((f.alpha for f in ours if not f.is_route), default=0.0)
    own = max((f.evidence.log_e - (_paid(f, dearest) if f.is_route else 0.0) for f in ours), default=0.0)
    silent = max((f.evidence.log_e for f in said if f.is_presence), default=0.0)
    edges = sorted(
        ((f.evidence.edge, f.evidence.log_e) for f in said if f.is_callers and f.evidence.log_e > 0),
        key=lambda pair: (-pair[1], pair[0]),
    )
    best = said[0] if said else None
    onset = watch.first_bad_at
    if onset is None and best is not None and best.evidence.log_e > 0 and best.first_bad >= 0:
        onset = from_ms(best.first_bad * case.window.width_ms)
    return Suspicion(
        release=watch.release.id,
        service=watch.release.service,
        environment=watch.release.environment,
        at=case.now,
        started_at=watch.release.started_at,
        own_log_e=own,
        edge_log_e=tuple(edges),
        silence_log_e=max(silent, 0.0),
        onset=onset,
        predates=watch.convicted_at is None and best is not None and best.predates,
        callers=callers_of(case.window, case.rule),
        is_aftercare=case.is_aftercare,
    )


def _paid(finding: Finding, dearest: float) -> float:
    """Return by how much a route's evidence is worth less than that of all requests, as a log, at least 0."""
    return max(log(dearest / finding.alpha), 0.0) if dearest > 0 else 0.0
