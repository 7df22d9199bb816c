"""Kinds of effects: the short name that each thing the engine says has in the journal and in SQL."""

from enum import StrEnum
from typing import assert_never

from schemas.approvals import HoldChanged
from schemas.codec import from_json
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


class Kind(StrEnum):
    """What an effect says. The names are stored: one may be added, none may change."""

    RELEASE_OPENED = "release_opened"
    RELEASE_CLOSED = "release_closed"
    EVIDENCE = "evidence"
    VERDICT = "verdict"
    SUSPICION = "suspicion"
    DECISION = "decision"
    HELD = "held"
    DENIED = "denied"
    COMMAND = "command"
    OUTCOME = "outcome"
    RECOVERY = "recovery"
    PAGE = "page"
    APPROVAL = "approval"
    FREEZE = "freeze"
    KILL_SWITCH = "kill_switch"
    SETTINGS = "settings"
    ANOMALY = "anomaly"
    FAILURE_SEEN = "failure_seen"
    FAILURE_CLEARED = "failure_cleared"
    HOLD_CHANGED = "hold_changed"
    SMOKE_TESTED = "smoke_tested"
    LABELLED = "labelled"
    EXPLAINED = "explained"
    MODEL = "model"
    BUILD_ASSESSED = "build_assessed"


def type_of(kind: Kind) -> type[Said]:
    """Return the type whose JSON form the `body` column holds for a kind.

    The union of all types would not do: a Denied reads as a Held, too.
    """
    match kind:
        case Kind.RELEASE_OPENED:
            return ReleaseOpened
        case Kind.RELEASE_CLOSED:
            return ReleaseClosed
        case Kind.EVIDENCE:
            return Evidence
        case Kind.VERDICT:
            return VerdictReached
        case Kind.SUSPICION:
            return SuspicionChanged
        case Kind.DECISION:
            return Decision
        case Kind.HELD:
            return Held
        case Kind.DENIED:
            return Denied
        case Kind.COMMAND:
            return Command
        case Kind.OUTCOME:
            return OutcomeReported
        case Kind.RECOVERY:
            return Recovery
        case Kind.PAGE:
            return Page
        case Kind.APPROVAL:
            return Approval
        case Kind.FREEZE:
            return FreezeSet
        case Kind.KILL_SWITCH:
            return KillSwitchSet
        case Kind.SETTINGS:
            return SettingsChanged
        case Kind.ANOMALY:
            return Anomaly
        case Kind.FAILURE_SEEN:
            return FailureSeen
        case Kind.FAILURE_CLEARED:
            return FailureCleared
        case Kind.HOLD_CHANGED:
            return HoldChanged
        case Kind.SMOKE_TESTED:
            return SmokeTested
        case Kind.LABELLED:
            return Labelled
        case Kind.EXPLAINED:
            return Explained
        case Kind.MODEL:
            return ModelChanged
        case Kind.BUILD_ASSESSED:
            return BuildAssessed
        case _:
            assert_never(kind)


def said_from_body(kind: Kind, body: str) -> Said:
    """Return what an effect of a kind said, from its `body`.

    Raises:
        SchemaError: the body is not of that kind.
    """
    return from_json(type_of(kind), body)
