"""Rows of the journal: one effect as flat columns, so that SQL needs no JSON for the common questions."""

from datetime import datetime
from typing import assert_never

from feature_store.kinds import Kind
from schemas.approvals import HoldChanged
from schemas.codec import to_json
from schemas.effect_messages import said_id
from schemas.effect_proofs import ProvenEffect
from schemas.effects import Effect, Said
from schemas.explanations import Explained
from schemas.judgements import Anomaly, Evidence, Recovery
from schemas.keys import derived_id
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
from schemas.orders import Command, Decision, Denied, Exploration, Held, Page
from schemas.quality import BuildAssessed
from schemas.smoke_tests import SmokeTested

Cell = str | int | float | bool | datetime | None
Row = dict[str, Cell]


def row_of(log_partition: int, log_offset: int, effect: Effect) -> Row:
    """Return an effect as a row; columns that it does not have are missing from the dict."""
    cause = effect.cause
    kind, cells = _cells(effect.said)
    return {
        "effect_id": derived_id(
            "effect", cause.topic, str(cause.partition), str(cause.offset), str(effect.index)
        ),
        "kind": kind.value,
        **_place_of(effect.key),
        "id": said_id(effect.said),
        **cells,
        "key": effect.key,
        "cause_topic": cause.topic,
        "cause_partition": cause.partition,
        "cause_offset": cause.offset,
        "effect_index": effect.index,
        "log_partition": log_partition,
        "log_offset": log_offset,
        "body": to_json(effect.said).decode(),
        **_proof_of(effect),
    }


def _proof_of(effect: Effect) -> Row:
    """Return which code said an effect, and of which bytes; nothing where its message did not say."""
    if isinstance(effect, ProvenEffect):
        return {"code": effect.code, "cause_digest": effect.cause_digest}
    return {}


def _place_of(key: str) -> Row:
    """Return environment and service as a key names them: evidence, for one, says neither."""
    environment, _, service = key.partition("/")
    return {"environment": environment or None, "service": service or None}


def _cells(said: Said) -> tuple[Kind, Row]:
    """Return the kind and the typed columns of what was said."""
    match said:
        case ReleaseOpened() | ReleaseClosed() | SettingsChanged() | ModelChanged():
            return _lifecycle_cells(said)
        case Evidence() | VerdictReached() | SuspicionChanged() | Recovery() | Anomaly():
            return _judgement_cells(said)
        case Decision() | Held() | Denied() | Page():
            return _decision_cells(said)
        case Command() | OutcomeReported():
            return _action_cells(said)
        case Approval() | FreezeSet() | KillSwitchSet():
            return _answer_cells(said)
        case FailureSeen() | FailureCleared():
            return _failure_cells(said)
        case HoldChanged() | SmokeTested() | Labelled() | Explained() | BuildAssessed():
            return _afterword_cells(said)
        case _:
            assert_never(said)


def _lifecycle_cells(
    said: ReleaseOpened | ReleaseClosed | SettingsChanged | ModelChanged,
) -> tuple[Kind, Row]:
    match said:
        case ReleaseOpened(release=release):
            return Kind.RELEASE_OPENED, {
                "happened_at": release.started_at,
                "started_at": release.started_at,
                "environment": release.environment,
                "service": release.service,
                "release": release.id,
                "version": release.version,
                "id": release.id,
                "template": release.template,
                "team": release.team,
                "committed_at": release.committed_at,
            }
        case ReleaseClosed():
            return Kind.RELEASE_CLOSED, {
                "happened_at": said.at,
                "environment": said.environment,
                "release": said.release,
                "about": said.release,
                "text": said.why,
            }
        case SettingsChanged():
            return Kind.SETTINGS, {"happened_at": said.at, "id": said.digest, "settings": said.digest}
        case ModelChanged():
            return Kind.MODEL, {
                "happened_at": said.at,
                "about": said.card.id,
                "text": said.why,
                "answer": said.stage.value,
                "answered_by": said.by,
                "channel": said.card.family.value,
            }
        case _:
            assert_never(said)


def _judgement_cells(
    said: Evidence | VerdictReached | SuspicionChanged | Recovery | Anomaly,
) -> tuple[Kind, Row]:
    match said:
        case Evidence():
            return Kind.EVIDENCE, {
                "happened_at": said.at,
                "release": said.release,
                "id": said.id,
                "about": said.release,
                "text": said.text,
                "signal": said.signal,
                "detector": said.detector,
                "edge": said.edge,
                "log_e": said.log_e,
                "threshold_log_e": said.threshold_log_e,
            }
        case VerdictReached(verdict=verdict):
            return Kind.VERDICT, {
                "happened_at": verdict.at,
                **_place(verdict),
                "version": verdict.version,
                "id": verdict.id,
                "about": verdict.release,
                "text": verdict.reasons[0],
                "verdict_kind": verdict.kind.value,
                "ordinal": verdict.ordinal,
                "is_final": verdict.is_final,
                "confidence": verdict.confidence,
                "alpha": verdict.alpha,
                "first_bad_at": verdict.first_bad_at,
                "settings": verdict.settings,
            }
        case SuspicionChanged(suspicion=suspicion):
            return Kind.SUSPICION, {
                "happened_at": suspicion.at,
                **_place(suspicion),
                "about": suspicion.release,
                "log_e": suspicion.own_log_e,
                "started_at": suspicion.started_at,
            }
        case Recovery():
            return Kind.RECOVERY, {
                "happened_at": said.at,
                **_place(said),
                "id": said.id,
                "about": said.command,
                "text": said.text,
                "recovery_kind": said.kind.value,
            }
        case Anomaly():
            return Kind.ANOMALY, {
                "happened_at": said.at,
                "environment": said.environment,
                "service": said.service,
                "id": said.id,
                "text": said.text,
                "signal": said.signal,
                "edge": said.edge,
                "started_at": said.since,
            }
        case _:
            assert_never(said)


def _decision_cells(said: Decision | Held | Denied | Page) -> tuple[Kind, Row]:
    cells: Row = {"happened_at": said.at, **_place(said), "id": said.id}
    match said:
        case Decision():
            return Kind.DECISION, {
                **cells,
                "version": said.version,
                "about": said.verdict,
                "text": said.why,
                "playbook": said.playbook.value,
                "rule": said.rule,
                "needs_approval": said.needs_approval,
                "confidence": said.confidence,
                "settings": said.settings,
                "verdict_kind": said.verdict_kind.value if said.verdict_kind else None,
                "first_bad_at": said.first_bad_at,
                "started_at": said.started_at,
                "guard": said.guard.value if said.guard else None,
                **_exploration_cells(said.exploration),
            }
        case Held():
            about: Row = {"about": said.decision, "text": said.reason, "guard": said.guard.value}
            return Kind.HELD, {**cells, **about, "expires_at": said.expires_at}
        case Denied():
            return Kind.DENIED, {
                **cells,
                "about": said.decision,
                "text": said.reason,
                "guard": said.guard.value,
            }
        case Page():
            return Kind.PAGE, {**cells, "about": said.about, "text": said.summary}
        case _:
            assert_never(said)


def _exploration_cells(exploration: Exploration | None) -> Row:
    if exploration is None:
        return {}
    return {
        "is_explored": exploration.until is not None,
        "explored_until": exploration.until,
        "explored_share": exploration.share,
    }


def _action_cells(said: Command | OutcomeReported) -> tuple[Kind, Row]:
    match said:
        case Command():
            return Kind.COMMAND, {
                "happened_at": said.issued_at,
                **_place(said),
                "id": said.id,
                "about": said.decision,
                "text": f"{said.kind} {said.target.key} to template {said.template}",
                "command_kind": said.kind.value,
                "template": said.template,
                "expected_template": said.expected_template,
                "approved_by": said.approved_by,
                "expires_at": said.expires_at,
            }
        case OutcomeReported(outcome=outcome):
            return Kind.OUTCOME, {
                "happened_at": outcome.at,
                **_place(outcome),
                "id": outcome.id,
                "about": outcome.command,
                "text": outcome.detail,
                "command_kind": outcome.command_kind.value,
                "outcome_kind": outcome.kind.value,
                "template_before": outcome.template_before,
                "template_after": outcome.template_after,
                "started_at": outcome.started_at,
            }
        case _:
            assert_never(said)


def _answer_cells(said: Approval | FreezeSet | KillSwitchSet) -> tuple[Kind, Row]:
    cells: Row = {
        "happened_at": said.at,
        "environment": said.environment,
        "answered_by": said.by,
        "text": said.why,
    }
    match said:
        case Approval():
            answer: Row = {"about": said.hold, "answer": said.answer.value, "channel": said.channel}
            return Kind.APPROVAL, {**cells, **answer}
        case FreezeSet():
            return Kind.FREEZE, {**cells, "expires_at": said.until}
        case KillSwitchSet():
            return Kind.KILL_SWITCH, {**cells, "is_on": said.is_on}
        case _:
            assert_never(said)


def _failure_cells(said: FailureSeen | FailureCleared) -> tuple[Kind, Row]:
    match said:
        case FailureSeen(failure=failure):
            return Kind.FAILURE_SEEN, {
                "happened_at": failure.at,
                "environment": failure.environment,
                "service": failure.service,
                "version": failure.version,
                "about": failure.id,
                "text": failure.detail,
                "template": failure.template,
                "started_at": failure.since,
            }
        case FailureCleared():
            return Kind.FAILURE_CLEARED, {
                "happened_at": said.at,
                "environment": said.environment,
                "service": said.service,
                "about": said.failure,
            }
        case _:
            assert_never(said)


def _afterword_cells(
    said: HoldChanged | SmokeTested | Labelled | Explained | BuildAssessed,
) -> tuple[Kind, Row]:
    match said:
        case BuildAssessed():
            return Kind.BUILD_ASSESSED, {
                "happened_at": said.at,
                "environment": said.environment,
                "service": said.service,
                "version": said.version,
                "about": said.model,
                "answer": said.outcome.value,
                "answered_by": said.author,
            }
        case HoldChanged():
            return Kind.HOLD_CHANGED, {
                "happened_at": said.at,
                **_place(said),
                "id": said.id,
                "about": said.hold,
                "text": said.text,
                "answer": said.change.value,
                "answered_by": said.by,
            }
        case SmokeTested():
            return Kind.SMOKE_TESTED, {
                "happened_at": said.at,
                "environment": said.environment,
                "service": said.service,
                "version": said.version,
                "text": said.detail,
                "answered_by": said.by,
                "answer": "passed" if said.has_passed else "failed",
            }
        case Labelled(label=label):
            return Kind.LABELLED, {
                "happened_at": label.at,
                **_place(label),
                "id": label.id,
                "about": label.about,
                "text": label.why,
                "answer": label.kind.value,
                "answered_by": label.by,
                "channel": label.source.value,
                "confidence": label.trust,
            }
        case Explained(explanation=explanation):
            return Kind.EXPLAINED, {
                "happened_at": explanation.at,
                **_place(explanation),
                "id": explanation.id,
                "about": explanation.about,
                "text": " ".join(explanation.sentences),
                "answer": explanation.hypothesis.value,
                "answered_by": explanation.model,
            }
        case _:
            assert_never(said)


def _place(said: object) -> Row:
    """Return environment, service and release of a value that names all three."""
    return {name: getattr(said, name) for name in ("environment", "service", "release")}
