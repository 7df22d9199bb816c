"""What one service in one environment has to say: its releases watched, its recoveries judged. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from detectors import anomalies, high_levels
from detectors.anomalies import AnomalyWatch
from detectors.high_levels import HighLevels
from detectors.history_memory import PastMemory, learn, record_of
from detectors.recovery import Action, Fared, judge_recovery
from detectors.watch import Look, ReleaseWatch, look, open_watch
from detectors.windows import ServiceWindow
from schemas.effects import Said
from schemas.instants import EPOCH, from_ms
from schemas.instruments import InstrumentChanged
from schemas.judgements import Recovery, RecoveryKind, Verdict, VerdictKind
from schemas.keys import NO_TEMPLATE, EnvironmentName, ReleaseId, ServiceName, SignalName, derived_id
from schemas.observations import (
    LogBatch,
    OutcomeReported,
    PodChanged,
    ReleaseClosed,
    ReleaseOpened,
    ReleaseStarted,
    SuspicionChanged,
    VerdictReached,
)
from schemas.orders import CommandKind, Outcome, OutcomeKind, Page
from schemas.policy import Rule
from schemas.releases import Release
from schemas.samples import SampleBatch
from schemas.verbs import Awaited

# Evidence below e^1 says next to nothing; a suspicion that moved by less is not worth a message.
_SUSPICION_STEP = 1.0

# Actions whose effect is awaited at one time; a further one ends the oldest's wait.
_MOST_RECOVERIES = 8


@dataclass(slots=True, kw_only=True)
class OpenRelease:
    """A release under watch, or in its aftercare.

    Attributes:
        ordinal: Of the newest verdict; 0 before the first.
        told_log_e: Total suspicion that the environment was last told of.
    """

    release: Release
    watch: ReleaseWatch
    ordinal: int = 0
    told_log_e: float = 0.0

    @property
    def is_aftercare(self) -> bool:
        """Return whether it was judged healthy already and is watched on for later damage."""
        return self.watch.aftercare is not None


@dataclass(slots=True, kw_only=True)
class RecoveryWatch:
    """An action whose effect is awaited.

    Attributes:
        signals: Signals that called for it; empty for all.
        within_s: Seconds after the action in which they must be back; None for as long as the rule gives.
        damaged_at: When the damage began; None when nobody knows.
    """

    outcome: Outcome
    signals: list[SignalName]
    within_s: int | None = None
    damaged_at: AwareDatetime | None = None


@dataclass(slots=True, kw_only=True)
class ServiceState:
    """Everything that is remembered about one service in one environment.

    Attributes:
        seen_events: Deploy events already taken, newest last; a repeat is no news.
        reported: Outcomes already heard of, newest last; a repeat is no news.
        convicted: The newest harmful release; None before the first.
        convicting: Signals that convicted it, which recovery is judged by.
        damaged_at: Start of the damage that it did.
        failed: What judging it failed with, when that was said last; "" when it never did.
        past: What is remembered of its earlier days and good releases.
        levels: What is usual while no release is under watch.
        high: Gauges that must not be too high.
    """

    environment: EnvironmentName
    service: ServiceName
    window: ServiceWindow
    open: list[OpenRelease] = field(default_factory=list)
    recoveries: list[RecoveryWatch] = field(default_factory=list)
    seen_events: list[str] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    convicted: ReleaseId | None = None
    convicting: list[SignalName] = field(default_factory=list)
    damaged_at: AwareDatetime | None = None
    failed: str = ""
    past: PastMemory = field(default_factory=PastMemory)
    levels: AnomalyWatch = field(default_factory=AnomalyWatch)
    high: HighLevels = field(default_factory=HighLevels)

    @property
    def is_waiting(self) -> bool:
        """Return whether the passing of time alone may make it say something."""
        return bool(
            self.open or self.recoveries or self.window.pods or self.window.blind.down or self.high.is_waiting
        )


def new_service(environment: EnvironmentName, service: ServiceName) -> ServiceState:
    """Return the state of a service that nothing is known of."""
    window = ServiceWindow()
    return ServiceState(environment=environment, service=service, window=window)


def add_samples(state: ServiceState, batch: SampleBatch, rule: Rule, now: datetime | None) -> None:
    """Take a sample batch in."""
    if len(batch):
        at = now or from_ms(int(batch.times_ms.max()))
        state.window.add_samples(batch, rule, at)
        high_levels.take(state.high, batch, rule, at)
        if now is not None:
            _learn(state, rule, now)


def add_logs(state: ServiceState, batch: LogBatch, rule: Rule, now: datetime | None) -> None:
    """Take a log batch in."""
    state.window.add_logs(batch, rule, now)


def pod_changed(state: ServiceState, change: PodChanged, rule: Rule) -> None:
    """Take in that a pod came or went."""
    state.window.pod_changed(change, rule)


def instrument_changed(state: ServiceState, change: InstrumentChanged, now: datetime | None) -> None:
    """Take in that an instrument that tells of the service broke, or works again."""
    state.window.blind.take(change, now)


def release_started(
    state: ServiceState, event: ReleaseStarted, rule: Rule, now: datetime | None
) -> Iterator[Said]:
    """Open a watch on a release; one that is open already is superseded, and says so."""
    release = _timely(event.release, rule, now)
    if release.id in state.seen_events:
        return
    state.seen_events = [*state.seen_events[-31:], release.id]
    for earlier in state.open:
        templates = {earlier.release.template, release.template} - {NO_TEMPLATE}
        is_same = earlier.release.version == release.version and len(templates) < 2
        if is_same and not earlier.is_aftercare:
            # Two senders announce one deployment: the second adds nothing that is not known.
            return
    for earlier in state.open:
        yield ReleaseClosed(
            release=earlier.release.id,
            environment=state.environment,
            at=release.started_at,
            why=f"superseded by {release.version}",
        )
    resolved = _resolved(state, release, rule)
    if any(not earlier.is_aftercare for earlier in state.open):
        # Its time was never verified, and the newest release's verdict will not be about it.
        state.past.ended_unverified(release.started_at)
    state.past.release_began(release.started_at)
    # Before the first tick nobody knows the time: a beginning in years to come must not move the window.
    watch = open_watch(resolved, state.window, rule, EPOCH if now is None else now)
    state.open = [OpenRelease(release=resolved, watch=watch)]
    yield ReleaseOpened(release=resolved)


def outcome_reported(state: ServiceState, event: OutcomeReported) -> Iterator[Said]:
    """Watch for recovery after an action that changed the world; end the watch of what was undone.

    An undo is always watched, another command where its outcome says what is awaited of it.
    """
    outcome = event.outcome
    is_undo = outcome.command_kind is CommandKind.UNDO
    if outcome.kind not in (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE):
        return
    if not is_undo and outcome.awaited is None:
        return
    if outcome.id in state.reported:
        return
    state.reported = [*state.reported[-31:], outcome.id]
    if len(state.recoveries) >= _MOST_RECOVERIES:
        many = Fared(kind=RecoveryKind.UNKNOWN, text=f"{_MOST_RECOVERIES} later actions are awaited as well")
        yield _recovery(state, state.recoveries.pop(0), many, outcome.at)
    state.recoveries.append(_awaiting(state, outcome))
    if not is_undo:
        return
    state.past.rolled_back(outcome.release, outcome.at)
    for entry in state.open:
        if entry.release.id == outcome.release:
            yield ReleaseClosed(
                release=entry.release.id, environment=state.environment, at=outcome.at, why="rolled back"
            )
    state.open = [entry for entry in state.open if entry.release.id != outcome.release]


def _awaiting(state: ServiceState, outcome: Outcome) -> RecoveryWatch:
    """Return what is awaited after an action: as its outcome says, else what convicted its release."""
    awaited = outcome.awaited or Awaited(within_s=0)
    # An order by hand names no release: it is meant for the one that does harm.
    under_watch = (entry.release.id for entry in state.open)
    is_convicted = state.convicted is not None and state.convicted in (outcome.release, *under_watch)
    return RecoveryWatch(
        outcome=outcome,
        signals=list(awaited.signals or (state.convicting if is_convicted else ())),
        within_s=awaited.within_s or None,
        damaged_at=awaited.since or (state.damaged_at if is_convicted else None),
    )


def tick(state: ServiceState, rule: Rule, digest: str, now: datetime) -> Iterator[Said]:
    """Look at what is under watch, now that time has passed."""
    state.window.tick(rule, now)
    _learn(state, rule, now)
    for entry in list(state.open):
        yield from _look_at(state, entry, rule, digest, now)
    for recovery in list(state.recoveries):
        fared = judge_recovery(state.window, _action(recovery, rule), rule, now)
        if fared is None:
            continue
        state.recoveries.remove(recovery)
        if fared.kind is RecoveryKind.RECOVERED:
            state.past.recovered(now)
        yield _recovery(state, recovery, fared, now)
    if state.recoveries or any(not entry.is_aftercare for entry in state.open):
        anomalies.skip(state.levels, state.window, rule, now)
    else:
        yield from anomalies.watch(state.levels, state.window, rule, state.environment, state.service, now)
    target = rule.target.target(state.environment, state.service)
    yield from high_levels.look(state.high, rule, state.environment, state.service, target, now)


def failed(state: ServiceState, error: str, now: datetime) -> list[Said]:
    """Return the page that a bug in judging a service gives, once for each kind of error."""
    if state.failed == error:
        return []
    state.failed = error
    key = f"{state.environment}/{state.service}"
    page = Page(
        id=derived_id("page", key, "failed", error, now.isoformat()),
        environment=state.environment,
        service=state.service,
        release=state.open[0].release.id if state.open else None,
        about=key,
        summary=f"judging {key} failed with {error}, a bug: nothing is known of it until that is mended",
        at=now,
    )
    return [page]


def _look_at(
    state: ServiceState, entry: OpenRelease, rule: Rule, digest: str, now: datetime
) -> Iterator[Said]:
    was_healthy = entry.is_aftercare
    seen = look(entry.watch, state.window, rule, digest, now, state.past)
    if seen is None:
        return
    if seen.is_news or not was_healthy:
        yield from seen.evidence
    entry.release = _resolved(state, entry.release, rule)
    total = seen.suspicion.own_log_e + seen.suspicion.silence_log_e
    total += max((log_e for _, log_e in seen.suspicion.edge_log_e), default=0.0)
    if seen.is_news:
        entry.ordinal += 1
        entry.told_log_e = total
        verdict = _verdict(entry, seen, rule, digest, now)
        if seen.kind is VerdictKind.HARMFUL:
            if was_healthy:
                # What it taught was learnt of a release that does harm.
                state.past.rolled_back(entry.release.id, now)
            state.convicting = list(
                dict.fromkeys(item.signal for item in seen.evidence if item.convicts)
            ) or (list(state.convicting) if state.convicted == entry.release.id else [])
            is_known = state.convicted == entry.release.id
            state.damaged_at = seen.first_bad_at or (state.damaged_at if is_known else None)
            state.convicted = entry.release.id
            state.past.did_harm()
        yield VerdictReached(verdict=verdict, suspicion=seen.suspicion, release=entry.release)
    elif abs(total - entry.told_log_e) >= _SUSPICION_STEP:
        entry.told_log_e = total
        yield SuspicionChanged(suspicion=seen.suspicion)
    if seen.is_final and not was_healthy:
        _remember(state, entry, seen.kind, rule, now)
    if seen.is_over:
        state.open.remove(entry)
        when = " in its aftercare" if was_healthy else ""
        yield ReleaseClosed(
            release=entry.release.id, environment=state.environment, at=now, why=f"judged {seen.kind}{when}"
        )


def _learn(state: ServiceState, rule: Rule, now: datetime) -> None:
    unverified = [entry for entry in state.open if not entry.is_aftercare]
    since = min((entry.release.started_at for entry in unverified), default=None)
    learn(state.past, state.window, rule, now, since)


def _remember(state: ServiceState, entry: OpenRelease, kind: VerdictKind, rule: Rule, now: datetime) -> None:
    """Keep what a release's watch taught, if it ended healthy, and forget it otherwise."""
    if kind is VerdictKind.HEALTHY:
        template = entry.watch.template
        state.past.verified(record_of(state.past, state.window, rule, entry.release, template, now))
    elif kind is not VerdictKind.HARMFUL:
        state.past.ended_unverified(now)


def _verdict(entry: OpenRelease, seen: Look, rule: Rule, digest: str, now: datetime) -> Verdict:
    release = entry.release
    return Verdict(
        id=derived_id("verdict", release.id, str(entry.ordinal)),
        release=release.id,
        environment=release.environment,
        service=release.service,
        version=release.version,
        ordinal=entry.ordinal,
        kind=seen.kind,
        at=now,
        is_final=seen.is_final,
        confidence=seen.confidence,
        alpha=rule.judge.alpha,
        reasons=seen.reasons,
        evidence=seen.evidence,
        first_bad_at=seen.first_bad_at,
        settings=digest,
    )


def _timely(release: Release, rule: Rule, now: datetime | None) -> Release:
    """Return the release with a beginning near the log's time: a sender's clock may be wrong by years.

    One in the future would never be judged; one before the watch would have been judged already.
    """
    if now is None:
        return release
    is_ahead = release.started_at > now + rule.judge.skew
    started_at = now if is_ahead else max(release.started_at, now - rule.judge.watch)
    return release if started_at == release.started_at else replace(release, started_at=started_at)


def _resolved(state: ServiceState, release: Release, rule: Rule) -> Release:
    """Return the release with what its event did not say: template, way back, target and team."""
    template = release.template
    if not template:
        served = state.window.templates_of(release.version)
        template = served[-1] if served else template
    rollback = release.rollback_template
    if not rollback:
        before = [found for found in state.window.serving_templates(release.started_at) if found != template]
        # More than one template before the release: the one to go back to is anybody's guess.
        rollback = before[0] if len(before) == 1 else rollback
    target = release.target or rule.target.target(release.environment, release.service)
    team = release.team or rule.team
    return replace(release, template=template, rollback_template=rollback, target=target, team=team)


def _action(recovery: RecoveryWatch, rule: Rule) -> Action:
    within = recovery.within_s
    return Action(
        signals=recovery.signals,
        began_at=recovery.outcome.started_at,
        acted_at=recovery.outcome.at,
        within=rule.gate.recovery if within is None else timedelta(seconds=within),
        damaged_at=recovery.damaged_at,
    )


def _recovery(state: ServiceState, recovery: RecoveryWatch, fared: Fared, now: datetime) -> Recovery:
    outcome = recovery.outcome
    return Recovery(
        id=derived_id("recovery", outcome.command),
        command=outcome.command,
        release=outcome.release,
        environment=state.environment,
        service=state.service,
        kind=fared.kind,
        at=now,
        text=fared.text,
        first_bad_at=recovery.damaged_at,
        acted_at=outcome.at,
        recovered_at=fared.recovered_at,
    )
