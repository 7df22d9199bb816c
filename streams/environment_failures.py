"""What one environment does about failures that were seen: from a failure to a playbook, and its steps. Pure.

A failure of a release under watch is a reason to take the release back. Any other is what playbooks are for.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from actions import gate
from actions.gate import WaysBack
from actions.gate_words import once
from actions.guardrails import undone_key
from actions.playbook_choice import PlaybookChoice, choose, failing_share, roll_forward_of
from actions.playbook_runs import advance, check, order_next, take_in
from actions.playbook_state import (
    MOST_FAILURES,
    KnownFailure,
    OneWay,
    Phase,
    PlaybookRun,
    RemedyState,
)
from schemas.effects import Said
from schemas.failures import UNPLACED, Failure, FailurePattern
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, derived_id
from schemas.observations import FailureCleared, FailureSeen, OneWaySeen, TemplateSeen
from schemas.orders import Page
from schemas.playbooks import Occasion
from schemas.policy import Policy, Rule
from schemas.releases import Release, Target

PATIENCE = timedelta(minutes=2)
"""A failure that no playbook is for calls a human once it has lasted so long: most starts stumble."""

_KEEP = timedelta(hours=1)
"""How long a failure that is gone is remembered: it may come back under the same id."""

MOST_ALERTS = MOST_FAILURES // 4
"""Alerts that are remembered at once: however many rules fire, there is room for pods that fail."""

FORGOTTEN_ALERT = timedelta(days=6)
"""An alert that is not told of again for so long is over, and nobody said so: Alertmanager repeats every few
hours, and within the five days for which it remembers what it told."""


def placed(event: FailureSeen, rule: Rule) -> FailureSeen:
    """Return the failure with the target that the policy names, where who told it knew none."""
    failure = event.failure
    if failure.target != UNPLACED:
        return event
    target = rule.target.target(failure.environment, failure.service)
    return replace(event, failure=replace(failure, target=target))


def failure_seen(remedies: RemedyState, event: FailureSeen, now: datetime) -> Iterator[Said]:
    """Take a failure in; a repeat that says nothing new is not told again."""
    failure = event.failure
    known = remedies.failures.get(failure.id)
    if known is None:
        yield event
        if _has_room(remedies, failure):
            remedies.failures[failure.id] = KnownFailure(failure=failure, seen_at=now)
        return
    is_news = known.gone_at is not None or (known.failure.failing, known.failure.replicas) != (
        failure.failing,
        failure.replicas,
    )
    known.failure, known.gone_at = failure, None
    if is_news:
        yield event


def _has_room(remedies: RemedyState, failure: Failure) -> bool:
    if failure.pattern is FailurePattern.ALERT:
        alerts = sum(known.failure.pattern is FailurePattern.ALERT for known in remedies.failures.values())
        if alerts >= MOST_ALERTS:
            return False
    return len(remedies.failures) < MOST_FAILURES


def failure_cleared(
    remedies: RemedyState, gates: gate.GateState, event: FailureCleared, now: datetime
) -> Iterator[Said]:
    """Take in that a failure is gone: what was not done about it yet is not done any more."""
    known = remedies.failures.get(event.failure)
    if known is None or known.gone_at is not None:
        return
    known.gone_at = event.at
    yield event
    run = remedies.runs.get(event.failure)
    if run is None:
        return
    if run.phase is Phase.ASKED:
        said = gate.withdraw(gates, ReleaseId(run.about), f"{known.failure.pattern} is gone", now)
        yield from said
        take_in(remedies, gates, said, (), now)
    elif run.phase is Phase.WAITING and run.ordinal == 0:
        del remedies.runs[run.about]


def template_seen(
    gates: gate.GateState, environment: EnvironmentName, event: TemplateSeen, now: datetime
) -> Iterator[Said]:
    """Page once when a template that was taken away is there again: somebody puts it back, and may go on.

    It is not taken away again. A tool that wants it would bring it back as often as we undo it.
    """
    taken_away_at = gates.undone.get(undone_key(event.service, event.template))
    if taken_away_at is None or event.at <= taken_away_at:
        return
    summary = (
        f"{event.service} in {environment}: template {event.template} is back on {event.target.key}, though "
        f"it was rolled back at {taken_away_at}; whoever put it there may do so again, so nothing more is "
        "done: mend the source that it comes from"
    )
    yield from once(
        gates,
        Page(
            id=derived_id("page", environment, event.service, event.template, str(taken_away_at)),
            environment=environment,
            service=event.service,
            release=None,
            about=event.target.key,
            summary=summary,
            at=now,
        ),
    )


def one_way_seen(remedies: RemedyState, event: OneWaySeen) -> None:
    """Remember that a version changed something for good."""
    key = f"{event.service} {event.version}"
    remedies.one_way[key] = OneWay(reason=event.reason, at=event.at)
    while len(remedies.one_way) > MOST_FAILURES:
        del remedies.one_way[next(iter(remedies.one_way))]


def ways_back(remedies: RemedyState, policy: Policy, release: Release, rule: Rule, choice: str) -> WaysBack:
    """Return which playbook takes a release back, and what stands against that.

    Args:
        remedies: What was seen.
        policy: Holds the playbooks.
        release: What is to be taken back.
        rule: The rule of its service.
        choice: Label of the playbook that a failure chose; "" for that of an error burst.
    """
    target = target_of(release, rule)
    spec = next((one for one in policy.playbooks if one.label == choice), None)
    if spec is None:
        spec = choose(
            policy.playbooks,
            rule.gate,
            FailurePattern.ERROR_BURST,
            target,
            is_release=True,
            failing_share=0.0,
        ).playbook
    return WaysBack(
        playbook=spec,
        one_way=_changed_for_good(remedies, release),
        roll_forward=roll_forward_of(policy.playbooks, target),
    )


def _changed_for_good(remedies: RemedyState, release: Release) -> str:
    """Return what a release was seen to change for good; "" for nothing.

    What names no version is the release's when it was seen since that began: not for ever after.
    """
    named = remedies.one_way.get(f"{release.service} {release.version}")
    if named is not None:
        return named.reason
    other = remedies.one_way.get(f"{release.service} ")
    return other.reason if other is not None and other.at >= release.started_at else ""


def target_of(release: Release, rule: Rule) -> Target:
    """Return what runs a release."""
    return release.target or rule.target.target(release.environment, release.service)


def chosen(policy: Policy, rule: Rule, failure: Failure, *, is_release: bool) -> tuple[PlaybookChoice, bool]:
    """Return the playbook for a failure, and whether it takes a release back."""
    found = choose(
        policy.playbooks,
        rule.gate,
        failure.pattern,
        failure.target,
        is_release=is_release,
        failing_share=failing_share(failure),
    )
    return found, found.playbook is not None and found.playbook.when.occasion is Occasion.RELEASE


def undecided(remedies: RemedyState) -> list[KnownFailure]:
    """Return the failures that last and that nothing was decided about, oldest first."""
    return [one for one in remedies.failures.values() if one.gone_at is None and not one.is_decided]


def begin(remedies: RemedyState, known: KnownFailure, choice: PlaybookChoice) -> PlaybookRun:
    """Return a new run of the chosen playbook."""
    assert choice.playbook is not None, "only what was chosen begins"
    known.is_decided = True
    failure = known.failure
    run = PlaybookRun(spec=choice.playbook, about=failure.id, service=failure.service, failure=failure)
    remedies.runs[failure.id] = run
    return run


def nothing_for(
    gates: gate.GateState, known: KnownFailure, choice: PlaybookChoice, now: datetime
) -> Iterator[Page]:
    """Call a human about a failure that no playbook is for, once it has lasted; of an alert they know."""
    failure = known.failure
    if failure.pattern is FailurePattern.ALERT:
        known.is_decided = True
        return
    if now - known.seen_at < PATIENCE:
        return
    known.is_decided = True
    others = "; ".join(choice.alternatives)
    yield from once(
        gates,
        Page(
            id=derived_id("page", failure.id, "no playbook"),
            environment=failure.environment,
            service=failure.service,
            release=None,
            about=failure.id,
            summary=f"{failure.service} in {failure.environment}: {failure.pattern}: "
            f"{failure.detail or failure.target.key}; {choice.why}" + (f" ({others})" if others else ""),
            at=now,
        ),
    )


def go_on(
    remedies: RemedyState,
    gates: gate.GateState,
    environment: EnvironmentName,
    policy: Policy,
    digest: str,
    now: datetime,
) -> Iterator[Said]:
    """Let the runs go on, and forget what is long gone."""
    for run in list(remedies.runs.values()):
        name, rule = policy.rule(environment, ServiceName(run.service))
        yield from check(remedies, gates, environment, run, now)
        if run.about in remedies.runs and run.phase is Phase.WAITING:
            yield from order_next(gates, run, rule.gate, now)
            yield from advance(remedies, gates, run, rule, name, digest, now)
    remedies.failures = {
        key: known
        for key, known in remedies.failures.items()
        if key in remedies.runs or not _is_over(known, now)
    }


def _is_over(known: KnownFailure, now: datetime) -> bool:
    """Return whether a failure is long gone."""
    if known.gone_at is not None:
        return now - known.gone_at >= _KEEP
    return known.failure.pattern is FailurePattern.ALERT and now - known.failure.at >= FORGOTTEN_ALERT
