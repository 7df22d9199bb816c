"""Effects: anything the engine may say. The shells around it publish, store and act on them."""

from dataclasses import dataclass

from schemas.approvals import HoldChanged
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
    LogPosition,
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

Said = (
    ReleaseOpened
    | ReleaseClosed
    | Evidence
    | VerdictReached
    | SuspicionChanged
    | Decision
    | Held
    | Denied
    | Command
    | Page
    | OutcomeReported
    | Recovery
    | Anomaly
    | FailureSeen
    | FailureCleared
    | Approval
    | FreezeSet
    | KillSwitchSet
    | SettingsChanged
    | HoldChanged
    | SmokeTested
    | BuildAssessed
    | Labelled
    | Explained
    | ModelChanged
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that the engine said.

    Attributes:
        key: Key of the state that said it: `environment/service` or `environment`.
        cause: Position of the observation that made it say so.
        index: Which of that observation's effects; (cause, index) rises along one partition, which is
            how a repeat after a restart is told from news.
    """

    key: str
    cause: LogPosition
    index: int
    said: Said
