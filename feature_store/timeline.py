"""Timeline: what happened when, from the release's start, and where the log says so."""

import textwrap
from collections.abc import Iterator
from typing import assert_never

from feature_store.kinds import Kind
from feature_store.why import Entry, Story
from feature_store.wording import since, words
from schemas.approvals import HoldChanged
from schemas.effects import Said
from schemas.explanations import Explained
from schemas.judgements import Anomaly, Evidence, Recovery
from schemas.labels import Labelled
from schemas.models import ModelChanged
from schemas.observations import (
    Approval,
    FailureCleared,
    FailureSeen,
    FreezeSet,
    KillSwitchSet,
    OutcomeReported,
    ReleaseClosed,
    ReleaseOpened,
    SettingsChanged,
    SuspicionChanged,
    VerdictReached,
)
from schemas.orders import Command, Decision, Denied, Held, Page
from schemas.quality import BuildAssessed
from schemas.smoke_tests import SmokeTested

_SUMMARY = 50


def timeline(story: Story) -> Iterator[str]:
    """Return a line an event: time since the start, what happened, topic:partition:offset of its cause.

    Looks that changed nothing are left out: of a signal's evidence, only the first that convicts is
    told, and the rest is counted at the end.
    """
    convicted: list[tuple[str, str]] = []
    untold = 0
    for entry in story.entries:
        if isinstance(entry.said, (Evidence, SuspicionChanged)):
            name = _convicting(entry.said)
            if name is None or name in convicted:
                untold += 1
                continue
            convicted.append(name)
        yield f"  {since(story.started_at, entry.at)}  {_event(entry.said)}  [{_place(entry)}]"
    if untold:
        looks = "look that changed nothing is" if untold == 1 else "looks that changed nothing are"
        yield f"             {untold} more {looks} in the journal"


def _convicting(said: Evidence | SuspicionChanged) -> tuple[str, str] | None:
    """Return signal and edge of evidence that is enough by itself."""
    return (said.signal, said.edge) if isinstance(said, Evidence) and said.convicts else None


def _place(entry: Entry) -> str:
    position = entry.position
    return f"{position.topic}:{position.partition}:{position.offset}"


def _event(said: Said) -> str:
    match said:
        case ReleaseOpened() | ReleaseClosed():
            return _lifetime(said)
        case SettingsChanged() | FreezeSet() | KillSwitchSet() | ModelChanged():
            return _surroundings(said)
        case Evidence():
            return f"evidence on {said.signal}{said.where} is enough to convict"
        case SuspicionChanged():
            return Kind.SUSPICION.value
        case VerdictReached(verdict=verdict):
            return f"verdict {verdict.ordinal}: {verdict.kind}"
        case Anomaly():
            return f"{said.service}: {said.text}"
        case FailureSeen(failure=failure):
            of = f" of {failure.replicas}" if failure.replicas else ""
            pods = f", {failure.failing}{of} pods" if failure.failing else ""
            return f"failure: {words(failure.pattern)} of {failure.target.workload}{pods}"
        case FailureCleared():
            return f"the failure is over: {said.failure}"
        case Recovery():
            return f"recovery: {words(said.kind)}"
        case Decision():
            is_put_off = said.exploration is not None and said.exploration.until is not None
            return f"decided: {said.playbook}{', put off' if is_put_off else ''}"
        case Held():
            return f"held: {words(said.guard)}"
        case Denied():
            return f"denied: {words(said.guard)}"
        case Approval():
            return f"{said.by} answered: {said.answer}"
        case HoldChanged() | SmokeTested() | Labelled() | Explained() | BuildAssessed():
            return _afterword(said)
        case Command():
            template = f" to template {said.template}" if said.template else ""
            return f"{'rehearsed' if said.is_rehearsal else 'ordered'}: {words(said.kind)}{template}"
        case OutcomeReported(outcome=outcome):
            return f"{words(outcome.command_kind)}: {words(outcome.kind)}"
        case Page():
            # What a page says at length is told in the sections above.
            return f"paged: {textwrap.shorten(said.summary, _SUMMARY, placeholder=' ...')}"
        case _:
            assert_never(said)


def _afterword(said: HoldChanged | SmokeTested | Labelled | Explained | BuildAssessed) -> str:
    match said:
        case BuildAssessed():
            chance = f"to be taken back with probability {said.failure_chance:.2f}"
            return f"the gate before the deploy: {said.outcome}, {chance}"
        case HoldChanged():
            return f"question {words(said.change)}, by {said.by}"
        case SmokeTested():
            return f"smoke test of {said.by} {'passed' if said.has_passed else 'failed'}"
        case Labelled(label=label):
            return f"{label.by} labels it {label.kind}"
        case Explained(explanation=explanation):
            return f"{explanation.model} put it into words"
        case _:
            assert_never(said)


def _lifetime(said: ReleaseOpened | ReleaseClosed) -> str:
    if isinstance(said, ReleaseOpened):
        return "the watch begins"
    return f"the watch ends: {said.why}"


def _surroundings(said: SettingsChanged | FreezeSet | KillSwitchSet | ModelChanged) -> str:
    match said:
        case SettingsChanged():
            return f"settings {said.digest} hold"
        case FreezeSet():
            return f"{said.by} freezes {said.environment}"
        case KillSwitchSet():
            return f"{said.by} turns the kill switch {'on' if said.is_on else 'off'}"
        case ModelChanged():
            return f"model {said.card.id} ({said.card.family}) is {said.stage}"
        case _:
            assert_never(said)
