"""What one environment says of its releases afterwards: labels, from whatever it hears of later. Pure.

It remembers its latest releases, so that a revert, an alert or an incident finds the one it speaks of.
Nothing here changes what is decided.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import AwareDatetime

from actions.gate_state import GateState
from schemas.approvals import Person, hold_code, person_behind
from schemas.failures import Failure, FailurePattern
from schemas.judgements import Recovery, RecoveryKind, Verdict, VerdictKind
from schemas.keys import ReleaseId, ServiceName, derived_id
from schemas.labels import (
    TRUST,
    AfterwordTold,
    Label,
    LabelKind,
    Labelled,
    LabelSource,
    fading_trust,
    human_label,
)
from schemas.observations import ReleaseClosed
from schemas.releases import Release

MOST_RELEASES = 256
"""Releases of an environment that are remembered. Fewer lose reverts that come late."""

MOST_WORDS = 1024
"""Words that a repeat is told by; more than these releases get."""

_SHORTEST_COMMIT = 7
"""Digits by which two ways to write a commit are held to be the same one, as Git abbreviates it."""


@dataclass(slots=True, kw_only=True)
class PastRelease:
    """What is remembered of a release, so that what comes later finds it.

    Attributes:
        healthy_at: When it was finally judged healthy; None before that, and once it was judged otherwise.
        is_harmful: The newest verdict says so.
        undone_at: When it had been taken back; None while it was not.
    """

    release: Release
    healthy_at: AwareDatetime | None = None
    is_harmful: bool = False
    undone_at: AwareDatetime | None = None


@dataclass(slots=True, kw_only=True)
class LabelState:
    """What labels need to be made.

    Attributes:
        releases: The latest, by id, in the order in which they came.
        words: Who spoke of which release to the newest label of theirs, the latest last.
    """

    releases: dict[str, PastRelease] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)


def opened(state: LabelState, release: Release) -> None:
    """Remember a release."""
    if release.id not in state.releases:
        state.releases[release.id] = PastRelease(release=release)
    while len(state.releases) > MOST_RELEASES:
        del state.releases[next(iter(state.releases))]


def judged(state: LabelState, release: Release, verdict: Verdict) -> None:
    """Remember what was held of a release."""
    opened(state, release)
    past = state.releases[release.id]
    past.is_harmful = verdict.kind is VerdictKind.HARMFUL
    is_healthy = verdict.kind is VerdictKind.HEALTHY and verdict.is_final
    past.healthy_at = (past.healthy_at or verdict.at) if is_healthy else None


def undone(state: LabelState, release: ReleaseId, at: datetime) -> None:
    """Remember that a release was taken back."""
    past = state.releases.get(release)
    if past is not None:
        past.undone_at = past.undone_at or at


def closed(state: LabelState, event: ReleaseClosed, now: datetime) -> Iterator[Labelled]:
    """Label a release as good, weakly, whose aftercare went by without a sign of harm."""
    past = state.releases.get(event.release)
    if past is None or past.healthy_at is None or not event.why.startswith("judged "):
        return
    if event.at > past.healthy_at:
        why = f"judged healthy at {past.healthy_at}, and nothing came in its aftercare"
        yield from _said(state, past, LabelKind.GOOD, LabelSource.AFTERCARE, "aftercare", "suture", why, now)


def recovered(state: LabelState, recovery: Recovery, now: datetime) -> Iterator[Labelled]:
    """Label a release by what became of the service once it was taken back for harm."""
    past = state.releases.get(recovery.release)
    if past is None or not past.is_harmful or past.undone_at is None:
        return
    match recovery.kind:
        case RecoveryKind.RECOVERED:
            kind, why = LabelKind.BAD, "the service recovered once it was taken back"
        case RecoveryKind.NOT_RECOVERED | RecoveryKind.WORSE:
            kind, why = LabelKind.GOOD, "taking it back did not help the service"
        case RecoveryKind.UNKNOWN:
            return
    yield from _said(state, past, kind, LabelSource.OUTCOME, recovery.id, "suture", why, now)


def alerted(state: LabelState, failure: Failure, now: datetime) -> Iterator[Labelled]:
    """Label the newest release of a service as bad, weakly, where an alert fires after its healthy end."""
    if failure.pattern is not FailurePattern.ALERT:
        return
    why = f"an alert fires since {failure.since}: {failure.detail}"
    yield from _later(
        state, failure.service, LabelSource.ALERT, failure.id, "alertmanager", why, failure.since, now
    )


def afterword_told(
    state: LabelState, gates: GateState, people: Mapping[str, Person], event: AfterwordTold, now: datetime
) -> Iterator[Labelled]:
    """Label the release that another system means, if it is known here."""
    if event.source is LabelSource.HUMAN:
        yield from _noted(state, gates, people, event, now)
        return
    who = f"{event.by} via {event.channel}" if event.by else event.channel
    if event.source is LabelSource.INCIDENT:
        yield from _later(state, event.service, event.source, event.about, who, event.why, event.at, now)
        return
    for past in list(state.releases.values()):
        age = event.at - past.release.started_at
        # What follows our own rollback, maybe by our own hand, says no more than that did.
        if age > TRUST[event.source].horizon or past.undone_at is not None:
            continue
        if any(_is_same_commit(past.release.commit, commit) for commit in event.commits):
            yield from _said(state, past, LabelKind.BAD, event.source, event.about, who, event.why, now)


def _noted(
    state: LabelState, gates: GateState, people: Mapping[str, Person], event: AfterwordTold, now: datetime
) -> Iterator[Labelled]:
    """Label the release that a question was about, which a person writes of by the question's code."""
    asked = [(one.held.id, one.held.release, one.held.service) for one in gates.holds.values()]
    asked += [(hold, one.release, one.service) for hold, one in gates.closed.items()]
    for hold, release, service in asked:
        if hold_code(hold) == event.code:
            name = person_behind(people, event.channel, event.by) or event.by
            label = human_label(
                release=release,
                environment=event.environment,
                service=service,
                kind=event.kind,
                by=f"{name} via {event.channel}",
                at=now,
                why=event.why,
            )
            yield from labelled(state, Labelled(label=label))
            return


def labelled(state: LabelState, event: Labelled) -> Iterator[Labelled]:
    """Pass on what somebody said of a release; the same again says nothing."""
    label = event.label
    if _is_news(state, label):
        yield event


def _later(
    state: LabelState,
    service: ServiceName,
    source: LabelSource,
    about: str,
    by: str,
    why: str,
    at: datetime,
    now: datetime,
) -> Iterator[Labelled]:
    """Say of a service's newest release that something bad came after its healthy end; the later, the weaker.

    Of a release under watch the judge speaks, and what began before the end is its to find.
    """
    newest: PastRelease | None = None
    for past in state.releases.values():
        if past.release.service == service and (
            newest is None or past.release.started_at >= newest.release.started_at
        ):
            newest = past
    if newest is None or newest.healthy_at is None or newest.undone_at is not None:
        return
    delay = at - newest.healthy_at
    if newest.healthy_at <= at and delay <= TRUST[source].horizon:
        trust = fading_trust(source, delay)
        yield from _said(state, newest, LabelKind.BAD, source, about, by, why, now, trust)


def _said(
    state: LabelState,
    past: PastRelease,
    kind: LabelKind,
    source: LabelSource,
    about: str,
    by: str,
    why: str,
    now: datetime,
    trust: float | None = None,
) -> Iterator[Labelled]:
    release = past.release
    label = Label(
        id=derived_id("label", release.id, source, about),
        release=release.id,
        environment=release.environment,
        service=release.service,
        kind=kind,
        source=source,
        by=by,
        at=now,
        about=about,
        trust=TRUST[source].trust if trust is None else trust,
        why=why,
    )
    if _is_news(state, label):
        yield Labelled(label=label)


def _is_news(state: LabelState, label: Label) -> bool:
    """Return whether it differs from what the same voice said last, and remember it.

    Who comes back to an earlier opinion says something new by that.
    """
    voice = f"{label.release} {label.source} {label.about}"
    if state.words.get(voice) == label.id:
        return False
    state.words.pop(voice, None)
    state.words[voice] = label.id
    while len(state.words) > MOST_WORDS:
        del state.words[next(iter(state.words))]
    return True


def _is_same_commit(one: str, other: str) -> bool:
    """Return whether two ways to write a commit mean the same.

    >>> _is_same_commit("9A1C3F0d21", "9a1c3f0"), _is_same_commit("9a1c", "9a1c3f0"), _is_same_commit("", "")
    (True, False, False)
    """
    shorter, longer = sorted((one.lower(), other.lower()), key=len)
    return len(shorter) >= _SHORTEST_COMMIT and longer.startswith(shorter)
