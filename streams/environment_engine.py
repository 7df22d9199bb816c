"""What one environment has to say: who is to blame, what is decided, what may go out. Pure.

It sees every service's verdicts and damage, so that of several releases only the one to blame is acted on.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from actions import gate
from actions.exploration import exploration_of, explored, is_clear_harm, let_be
from actions.gate_state import GateState
from actions.gate_words import guarded
from actions.playbook_runs import advance, outcome_of, recovery_of, take_in
from actions.playbook_state import RemedyState
from actions.policy import decide, decide_failure, decide_smoke
from detectors.blame import Ranking, rank
from detectors.bystanders import Damage
from schemas.effects import Said
from schemas.failures import Failure
from schemas.judgements import Recovery, RecoveryKind, Suspicion, Verdict, VerdictKind
from schemas.keys import NO_TEMPLATE, EnvironmentName, ServiceName, TemplateHash, derived_id
from schemas.labels import Labelled
from schemas.observations import (
    AnomalySeen,
    Approval,
    FailureCleared,
    FailureSeen,
    FreezeSet,
    KillSwitchSet,
    OneWaySeen,
    OutcomeReported,
    RecoveryJudged,
    ReleaseClosed,
    ReleaseOpened,
    SuspicionChanged,
    TemplateSeen,
    VerdictReached,
)
from schemas.orders import Command, CommandKind, Decision, OutcomeKind, Page, Playbook
from schemas.playbooks import PlaybookSpec
from schemas.policy import Policy, Rule
from schemas.releases import Release
from schemas.smoke_tests import SmokeTested, Stages
from streams import environment_failures, environment_labels, environment_stages
from streams.environment_exploration import PutOff, calls_it_bad
from streams.environment_labels import LabelState

_NOBODY = Ranking(suspects=(), is_clear=True, why="nothing is blamed")

# A release that ended so long ago is no longer weighed against the ones that are under way.
_CONCURRENT = timedelta(hours=1)

_REMEMBERED_OUTCOMES = 255

_ANY_SERVICE = ServiceName("*")

_TAKES_BACK = (CommandKind.UNDO, CommandKind.ABORT)

# Of a larger outage the later damage is left out: what was first is what may explain the rest.
_MOST_DAMAGES = 128


@dataclass(slots=True, kw_only=True)
class Candidate:
    """A release that may be to blame.

    Attributes:
        verdict: Its newest verdict; None before the first.
        due_at: When blame is decided for its harmful verdict; None when there is nothing to decide.
        closed_at: When its watch ended; None while it goes on.
        undone_at: When an undo of it was ordered; None without one, or when it failed.
        decided: Ids of the decisions that were said about it; none is said twice.
        put_off: Its rollback is, or was, put off to learn of it; None where it was not.
    """

    release: Release
    suspicion: Suspicion
    verdict: Verdict | None = None
    due_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    undone_at: AwareDatetime | None = None
    decided: list[str] = field(default_factory=list)
    put_off: PutOff | None = None


@dataclass(slots=True, kw_only=True)
class EnvironmentState:
    """Everything that is remembered about one environment.

    Attributes:
        candidates: Releases under watch or lately so, by id.
        good: Service to the template of its newest release that was judged healthy.
        good_before: Service to the one that was so before it.
        reported: Outcomes already heard of, newest last; a command that is delivered again is reported
            again, and that is no news.
        damages: Damage at services without a release, as it was told.
        remedies: Failures that were seen, and what is done about them.
        smoke: Newest smoke tests by service and version.
        labels: What is remembered so that labels find their release.
    """

    environment: EnvironmentName
    gate: GateState
    candidates: dict[str, Candidate] = field(default_factory=dict)
    good: dict[str, str] = field(default_factory=dict)
    good_before: dict[str, str] = field(default_factory=dict)
    reported: list[str] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
    remedies: RemedyState = field(default_factory=RemedyState)
    smoke: dict[str, SmokeTested] = field(default_factory=dict)
    labels: LabelState = field(default_factory=LabelState)

    @property
    def is_waiting(self) -> bool:
        """Return whether the passing of time alone may make it say or forget something."""
        return bool(
            self.candidates
            or self.gate.holds
            or self.gate.orders
            or self.gate.leases
            or self.damages
            or self.remedies.failures
            or self.remedies.runs
        )


def new_environment(environment: EnvironmentName) -> EnvironmentState:
    """Return the state of an environment that nothing is known of."""
    return EnvironmentState(environment=environment, gate=GateState(environment=environment))


def release_opened(state: EnvironmentState, event: ReleaseOpened, now: datetime) -> Iterator[Said]:
    """Take in a release: from now on it can be blamed; questions about its predecessor are withdrawn."""
    release = event.release
    environment_labels.opened(state.labels, release)
    if release.id in state.candidates:
        return
    for earlier in state.candidates.values():
        if earlier.release.service == release.service:
            # Its service says that it is closed before it says that this one is open.
            earlier.closed_at = earlier.closed_at or now
            earlier.due_at = None
            yield from gate.withdraw(state.gate, earlier.release.id, f"superseded by {release.version}", now)
    quiet = Suspicion(
        release=release.id,
        service=release.service,
        environment=release.environment,
        at=release.started_at,
        started_at=release.started_at,
    )
    state.candidates[release.id] = Candidate(release=release, suspicion=quiet)


def release_closed(state: EnvironmentState, event: ReleaseClosed, now: datetime) -> Iterator[Said]:
    """Take in that a release is no longer watched; it stays weighable for a while."""
    candidate = state.candidates.get(event.release)
    if candidate is not None and candidate.closed_at is None:
        candidate.closed_at = event.at
    yield from environment_labels.closed(state.labels, event, now)


def verdict_reached(
    state: EnvironmentState, event: VerdictReached, policy: Policy, digest: str, now: datetime
) -> Iterator[Said]:
    """Decide about a verdict; a harmful one with neighbours under way waits for their evidence first."""
    candidate = state.candidates.get(event.release.id)
    if candidate is None:
        candidate = Candidate(release=event.release, suspicion=event.suspicion)
        state.candidates[event.release.id] = candidate
    if candidate.verdict is not None and candidate.verdict.ordinal >= event.verdict.ordinal:
        return
    was_harmful = candidate.verdict is not None and candidate.verdict.kind is VerdictKind.HARMFUL
    was_healthy = candidate.verdict is not None and candidate.verdict.is_final and not was_harmful
    candidate.release, candidate.suspicion, candidate.verdict = event.release, event.suspicion, event.verdict
    verdict = event.verdict
    environment_labels.judged(state.labels, event.release, verdict)
    if verdict.kind is VerdictKind.HEALTHY and verdict.is_final:
        # Its aftercare is no reason to wait for its evidence when another release turns bad.
        candidate.closed_at = candidate.closed_at or now
        _was_good(state, event.release)
    if verdict.kind is VerdictKind.HARMFUL and was_healthy:
        candidate.closed_at = None
        _was_not_good(state, event.release)
    if verdict.kind is not VerdictKind.HARMFUL:
        candidate.due_at = None
        if was_harmful:
            yield from gate.withdraw(state.gate, event.release.id, f"now judged {verdict.kind}", now)
        if verdict.is_final:
            yield from _decide(state, candidate, _NOBODY, policy, digest, now)
        return
    _, rule = policy.rule(state.environment, event.release.service)
    has_neighbours = any(other.release.service != event.release.service for other in _concurrent(state, now))
    # In its aftercare a release may have no stable pods left to tell its damage from that of what it calls.
    waits = has_neighbours or event.suspicion.is_aftercare
    if candidate.due_at is None:
        candidate.due_at = now + (rule.gate.blame_wait if waits else timedelta(0))
    if candidate.put_off is not None and is_clear_harm(verdict.confidence, rule):
        candidate.due_at = candidate.put_off.cut_short(candidate.due_at, now)
    if not waits:
        yield from _settle_blame(state, policy, digest, now)


def _was_good(state: EnvironmentState, release: Release) -> None:
    known = state.good.get(release.service)
    if not release.template or known == release.template:
        return
    if known is not None:
        state.good_before[release.service] = known
    state.good[release.service] = release.template


def _was_not_good(state: EnvironmentState, release: Release) -> None:
    """Take back that a release is what to go back to: its aftercare found harm."""
    if state.good.get(release.service) != release.template:
        return
    del state.good[release.service]
    before = state.good_before.pop(release.service, None)
    if before is not None:
        state.good[release.service] = before


def suspicion_changed(state: EnvironmentState, event: SuspicionChanged) -> None:
    """Take in how damage moved at a release; the next tick ranks by it.

    Services are judged side by side, so what they say of one instant comes in any order: blame is
    ranked at ticks, when all of it is in, and not in between.
    """
    candidate = state.candidates.get(event.suspicion.release)
    if candidate is not None:
        candidate.suspicion = event.suspicion


def anomaly_seen(state: EnvironmentState, event: AnomalySeen, policy: Policy) -> None:
    """Take in damage at a service without a release: what begins within a watch's length it may explain."""
    anomaly = event.anomaly
    if len(state.damages) >= _MOST_DAMAGES or any(known.anomaly.id == anomaly.id for known in state.damages):
        return
    _, rule = policy.rule(state.environment, anomaly.service)
    state.damages.append(Damage(anomaly=anomaly, explains_until=anomaly.at + rule.judge.watch))


def answered(state: EnvironmentState, approval: Approval, policy: Policy, now: datetime) -> Iterator[Said]:
    """Take a human's answer in."""
    yield approval
    said = gate.answer(state.gate, policy.people, approval, now)
    yield from _taking_in(state, said, policy.playbooks, now)


def labelled(state: EnvironmentState, said: Iterable[Labelled]) -> Iterator[Said]:
    """Pass labels on; where a person calls a release bad whose rollback is put off, it is so no longer."""
    for item in said:
        candidate = state.candidates.get(item.label.release)
        put_off = candidate.put_off if candidate else None
        if candidate and put_off and candidate.due_at and calls_it_bad(item.label):
            candidate.due_at = put_off.cut_short(candidate.due_at, item.label.at)
        yield item


def smoke_tested(state: EnvironmentState, event: SmokeTested, now: datetime) -> Iterator[Said]:
    """Take a smoke test in; the next tick decides with it."""
    if environment_stages.take_in(state.smoke, event, now):
        yield event


def frozen(state: EnvironmentState, event: FreezeSet) -> Iterator[Said]:
    """Freeze or thaw."""
    gate.set_freeze(state.gate, event)
    yield event


def kill_switched(state: EnvironmentState, event: KillSwitchSet) -> Iterator[Said]:
    """Turn the kill switch."""
    gate.set_kill_switch(state.gate, event)
    yield event


def outcome_reported(
    state: EnvironmentState, event: OutcomeReported, policy: Policy, now: datetime
) -> Iterator[Said]:
    """Take in what the executor saw."""
    outcome = event.outcome
    if outcome.id in state.reported:
        return
    state.reported = [*state.reported[-_REMEMBERED_OUTCOMES:], outcome.id]
    yield event
    pages = gate.outcome(state.gate, outcome, now)
    _, rule = policy.rule(state.environment, outcome.service)
    goes_on, said = outcome_of(state.remedies, state.gate, outcome, rule, now)
    # What the next step may still mend wakes nobody.
    yield from () if goes_on else pages
    yield from said
    candidate = state.candidates.get(outcome.release)
    if candidate is not None and outcome.command_kind in _TAKES_BACK:
        is_done = outcome.kind in (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE)
        if is_done or outcome.kind is OutcomeKind.HANDED_OVER:
            environment_labels.undone(state.labels, outcome.release, outcome.at)
        candidate.undone_at = (candidate.undone_at or outcome.started_at) if is_done else None


def failure_seen(
    state: EnvironmentState, event: FailureSeen, policy: Policy, now: datetime
) -> Iterator[Said]:
    """Take a failure in; the next tick decides about it."""
    _, rule = policy.rule(state.environment, event.failure.service)
    event = environment_failures.placed(event, rule)
    yield from environment_failures.failure_seen(state.remedies, event, now)
    yield from environment_labels.alerted(state.labels, event.failure, now)


def failure_cleared(state: EnvironmentState, event: FailureCleared, now: datetime) -> Iterator[Said]:
    """Take in that a failure is gone."""
    yield from environment_failures.failure_cleared(state.remedies, state.gate, event, now)


def template_seen(state: EnvironmentState, event: TemplateSeen, now: datetime) -> Iterator[Said]:
    """Take in that a workload asks for another template."""
    yield from environment_failures.template_seen(state.gate, state.environment, event, now)


def one_way_seen(state: EnvironmentState, event: OneWaySeen) -> None:
    """Take in that a release changed something for good."""
    environment_failures.one_way_seen(state.remedies, event)


def recovery_judged(state: EnvironmentState, event: RecoveryJudged, now: datetime) -> Iterator[Said]:
    """Page when an action did not help; what became of the service says what the release was."""
    recovery: Recovery = event.recovery
    yield from environment_labels.recovered(state.labels, recovery, now)
    goes_on = recovery_of(state.remedies, recovery)
    if recovery.kind is RecoveryKind.RECOVERED or goes_on:
        return
    yield Page(
        id=derived_id("page", recovery.id),
        environment=state.environment,
        service=recovery.service,
        release=recovery.release,
        about=recovery.id,
        summary=f"{recovery.service} after the action: {recovery.kind}. {recovery.text}",
        at=now,
    )


def tick(state: EnvironmentState, policy: Policy, digest: str, now: datetime) -> Iterator[Said]:
    """Let deadlines pass: expired questions, overdue commands, blame that waited long enough."""
    _, rule = policy.rule(state.environment, _ANY_SERVICE)
    freeze = gate.begun_window(state.gate, rule.gate.freezes, now)
    if freeze is not None:
        yield from frozen(state, freeze)
    yield from _taking_in(state, gate.tick(state.gate, now), policy.playbooks, now)
    _end_put_offs(state, policy, now)
    yield from _settle_blame(state, policy, digest, now)
    yield from _settle_failures(state, policy, digest, now)
    yield from _settle_smoke(state, policy, digest, now)
    yield from environment_failures.go_on(state.remedies, state.gate, state.environment, policy, digest, now)
    state.candidates = {
        key: candidate
        for key, candidate in state.candidates.items()
        if candidate.closed_at is None or now - candidate.closed_at < _CONCURRENT
    }
    _forget_damages(state, now)


def _end_put_offs(state: EnvironmentState, policy: Policy, now: datetime) -> None:
    """Put nothing off any longer where everything is stopped, or where the policy explores no more."""
    for candidate in state.candidates.values():
        put_off = candidate.put_off
        if put_off is None or put_off.is_over or put_off.is_cut_short or candidate.due_at is None:
            continue
        _, rule = policy.rule(state.environment, candidate.release.service)
        if gate.is_stopped(state.gate, now) or rule.gate.explore <= 0:
            candidate.due_at = put_off.cut_short(candidate.due_at, now)


def _forget_damages(state: EnvironmentState, now: datetime) -> None:
    """Forget damage that explains nothing to come, but not before the releases that it may explain.

    Else a release that is held for it would be rolled back for no better reason than that time passed.
    """
    oldest = min((candidate.release.started_at for candidate in state.candidates.values()), default=None)
    state.damages = [
        damage
        for damage in state.damages
        if now < damage.explains_until or (oldest is not None and oldest < damage.explains_until)
    ]


def _concurrent(state: EnvironmentState, now: datetime) -> list[Candidate]:
    return [
        candidate
        for candidate in state.candidates.values()
        if candidate.undone_at is None
        and (candidate.closed_at is None or now - candidate.closed_at < _CONCURRENT)
    ]


def _settle_blame(state: EnvironmentState, policy: Policy, digest: str, now: datetime) -> Iterator[Said]:
    """Rank the concurrent releases and decide about each harmful one whose time has come."""
    due = [
        candidate
        for candidate in state.candidates.values()
        if candidate.due_at is not None and candidate.due_at <= now and candidate.undone_at is None
    ]
    if not due:
        return
    ranking = rank([candidate.suspicion for candidate in _concurrent(state, now)], state.damages)
    # The first to blame is decided about first: what it is given, such as the last of a budget, the
    # next one does not get.
    places = {suspect.release: place for place, suspect in enumerate(ranking.suspects)}
    for candidate in sorted(due, key=lambda one: (places.get(one.release.id, len(places)), one.release.id)):
        yield from _decide(state, candidate, _doubting(state, candidate, ranking), policy, digest, now)


def _doubting(state: EnvironmentState, candidate: Candidate, ranking: Ranking) -> Ranking:
    """Return the ranking, unclear where the damage may be that of a neighbour that was undone since.

    The evidence against a release goes back to before the undo. Whether it still stands after it, a human
    sees sooner than a test that has to begin anew; never may one bad release take several others along.
    """
    verdict = candidate.verdict
    onset = (verdict.first_bad_at or verdict.at) if verdict else None
    for other in state.candidates.values():
        if (
            onset is not None
            and other.undone_at is not None
            and other.release.service != candidate.release.service
            and onset < other.undone_at
        ):
            why = f"{ranking.why}; but {other.release.id} did damage at that time, too, and was undone since"
            return replace(ranking, is_clear=False, why=why)
    return ranking


def _decide(
    state: EnvironmentState,
    candidate: Candidate,
    ranking: Ranking,
    policy: Policy,
    digest: str,
    now: datetime,
) -> Iterator[Said]:
    if candidate.verdict is None:
        return
    release = candidate.release
    name, rule = policy.rule(state.environment, release.service)
    decision = decide(
        verdict=candidate.verdict,
        release=release,
        ranking_suspects=ranking.suspects,
        is_clear=ranking.is_clear,
        ranking_why=ranking.why,
        rule_name=name,
        rule=rule,
        settings=digest,
        at=now,
        smoke=environment_stages.test_of(state.smoke, release),
    )
    put_off = candidate.put_off if candidate.verdict.kind is VerdictKind.HARMFUL else None
    if put_off is not None and put_off.is_let_be(candidate.suspicion):
        decision = let_be(decision, release, candidate.verdict.reasons[0], now)
    elif put_off is not None and not put_off.is_over and decision.playbook is Playbook.ROLLBACK:
        put_off.is_over = True
        # It was said when it was put off; what becomes of it now is all there is to add.
        _, *effects = _admitted(state, decision, release, rule, policy, now, candidate.verdict)
        yield from effects
        return
    if decision.id in candidate.decided:
        if decision.playbook is Playbook.ROLLBACK and not decision.needs_approval:
            # It was asked about when less was known; now the policy needs no human any more.
            because = f"{name} needs nobody any more, confidence {decision.confidence:.4f}"
            said = gate.act_alone(state.gate, decision, because, now)
            yield from _taking_in(state, said, policy.playbooks, now)
        return
    candidate.decided.append(decision.id)
    exploration = exploration_of(decision, rule, now)
    if exploration is not None and _is_free_to_go(state, decision, release, rule, policy, now):
        decision = explored(decision, exploration)
        if exploration.until is not None:
            candidate.put_off = PutOff(until=exploration.until)
            candidate.due_at = exploration.until
            yield decision
            return
    yield from _admitted(state, decision, release, rule, policy, now, candidate.verdict)


def _is_free_to_go(
    state: EnvironmentState, decision: Decision, release: Release, rule: Rule, policy: Policy, now: datetime
) -> bool:
    """Return whether a rollback would go out now: only such a one is put off."""
    ways = environment_failures.ways_back(state.remedies, policy, release, rule, decision.remedy)
    template = _way_back(state, release)
    return gate.would_go_out(
        state.gate, decision, release, rule, rollback_template=template, now=now, ways=ways
    )


def _settle_smoke(state: EnvironmentState, policy: Policy, digest: str, now: datetime) -> Iterator[Said]:
    """Take releases back whose smoke test failed, where the policy lets that alone be enough."""
    for candidate in list(state.candidates.values()):
        release = candidate.release
        name, rule = policy.rule(state.environment, release.service)
        smoke = environment_stages.test_of(state.smoke, release)
        if rule.gate.stages is not Stages.EITHER or smoke is None or smoke.has_passed:
            continue
        decision = decide_smoke(smoke, release, name, rule, digest)
        is_over = candidate.closed_at is not None or candidate.undone_at is not None
        if is_over or decision.id in candidate.decided:
            continue
        candidate.decided.append(decision.id)
        yield from _admitted(state, decision, release, rule, policy, now)


def _settle_failures(state: EnvironmentState, policy: Policy, digest: str, now: datetime) -> Iterator[Said]:
    """Decide about failures that have lasted: take a release back, begin a playbook, or call a human."""
    for known in environment_failures.undecided(state.remedies):
        failure = known.failure
        name, rule = policy.rule(state.environment, failure.service)
        candidate = _failing_release(state, failure)
        choice, takes_back = environment_failures.chosen(
            policy, rule, failure, is_release=candidate is not None
        )
        if choice.playbook is None:
            yield from environment_failures.nothing_for(state.gate, known, choice, now)
            continue
        spec = choice.playbook
        if now - failure.since < spec.settle_of.get(failure.pattern, spec.settle):
            continue
        if not takes_back or candidate is None:
            run = environment_failures.begin(state.remedies, known, choice)
            yield from advance(state.remedies, state.gate, run, rule, name, digest, now, choice.alternatives)
            continue
        known.is_decided = True
        decision = decide_failure(failure, choice, candidate.release, name, rule, digest, now)
        yield from _admitted(state, decision, candidate.release, rule, policy, now)


def _failing_release(state: EnvironmentState, failure: Failure) -> Candidate | None:
    """Return the release whose pods fail; None when none is under watch, or others fail."""
    for candidate in state.candidates.values():
        release = candidate.release
        if release.service != failure.service or candidate.closed_at is not None:
            continue
        if candidate.undone_at is None and failure.template and release.template == failure.template:
            return candidate
    return None


def _admitted(
    state: EnvironmentState,
    decision: Decision,
    release: Release,
    rule: Rule,
    policy: Policy,
    now: datetime,
    verdict: Verdict | None = None,
) -> Iterator[Said]:
    """Say a decision with what stood in its way at once, and then what became of it."""
    ways = environment_failures.ways_back(state.remedies, policy, release, rule, decision.remedy)
    said = gate.admit(
        state.gate,
        decision,
        release,
        rule,
        rollback_template=_way_back(state, release),
        now=now,
        ways=ways,
        verdict=verdict,
    )
    yield guarded(decision, said)
    yield from _taking_in(state, said, policy.playbooks, now)


def _taking_in(
    state: EnvironmentState, said: tuple[Said, ...], playbooks: tuple[PlaybookSpec, ...], now: datetime
) -> Iterator[Said]:
    """Pass on what the gate said, after learning from it which releases are on their way back."""
    take_in(state.remedies, state.gate, said, playbooks, now)
    for item in said:
        if isinstance(item, Command) and item.kind in _TAKES_BACK and not item.is_rehearsal:
            candidate = state.candidates.get(item.release)
            if candidate is not None:
                candidate.undone_at = item.issued_at
        yield item


def _way_back(state: EnvironmentState, release: Release) -> TemplateHash:
    """Return the template to go back to; "" when none is known.

    The deploy event's word comes first, then the one that alone served before the release, then the last
    that was judged healthy.
    """
    good = TemplateHash(state.good.get(release.service, NO_TEMPLATE))
    if good == release.template:
        good = NO_TEMPLATE
    return release.rollback_template or good
