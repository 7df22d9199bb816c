"""Observations: any fact that the engine may learn. Everything it knows came in as one of these."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import AwareDatetime

from schemas.explanations import Explained
from schemas.failures import Failure
from schemas.instruments import InstrumentChanged
from schemas.judgements import Anomaly, Recovery, Suspicion, Verdict
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, TemplateHash
from schemas.labels import AfterwordTold, Labelled
from schemas.models import ModelChanged
from schemas.orders import Outcome
from schemas.policy import Policy
from schemas.quality import BuildAssessed
from schemas.releases import Release, Target
from schemas.samples import SampleBatch
from schemas.smoke_tests import SmokeTested
from schemas.typed_text import hush


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class LogPosition:
    """Where in the ordered log an observation stands."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The public message that an observation was made from: what tells a repeat from news.

    Attributes:
        index: Which of the observations made from that message, for the same key.
    """

    topic: str
    partition: int
    offset: int
    index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One log record, redacted.

    Attributes:
        severity: OpenTelemetry's severity number, 1 to 24; 17 and above is an error.
        text: Body with everything that varies or identifies masked.
    """

    time_ms: int
    severity: int
    pod: str
    version: str
    template: TemplateHash
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogBatch:
    """Log records of one service in one environment."""

    environment: EnvironmentName
    service: ServiceName
    lines: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStarted:
    """A deploy event: a version began to reach an environment."""

    release: Release


class PodChange(StrEnum):
    """What became of a pod."""

    READY = "ready"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodChanged:
    """A pod of a service came or went."""

    environment: EnvironmentName
    service: ServiceName
    pod: str
    version: str
    template: TemplateHash
    change: PodChange
    at: AwareDatetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time passed, for every key of the partition: silence and deadlines replay like everything else."""

    at: AwareDatetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsChanged:
    """The policy from here on."""

    policy: Policy
    digest: str
    at: AwareDatetime


class Answer(StrEnum):
    """A human's answer; HAND_OVER asks another in one's place and ends nothing."""

    APPROVE = "approve"
    REJECT = "reject"
    HAND_OVER = "hand_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A human answered a hold.

    Attributes:
        hold: Id of the hold.
        by: Who, as the channel calls them; never empty.
        channel: How it came: cli, http, console, pagerduty, slack.
        to: For a hand-over: who is asked instead, by the policy's name.
        source: The vendor's id of the delivery that carried it; "" where there is none.
    """

    environment: EnvironmentName
    hold: str
    answer: Answer
    by: str
    channel: str
    at: AwareDatetime
    why: str = ""
    to: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not self.by:
            raise ValueError("an approval names nobody, expected who answered")
        if self.answer is Answer.HAND_OVER and not self.to:
            raise ValueError("a hand-over names nobody, expected who is asked instead")
        hush(self, "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeSet:
    """No actions in an environment until an instant; an instant in the past lifts the freeze."""

    environment: EnvironmentName
    until: AwareDatetime
    by: str
    at: AwareDatetime
    why: str = ""

    def __post_init__(self) -> None:
        hush(self, "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchSet:
    """No actions in an environment at all while it is on."""

    environment: EnvironmentName
    is_on: bool
    by: str
    at: AwareDatetime
    why: str = ""

    def __post_init__(self) -> None:
        hush(self, "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeReported:
    """The executor finished a command."""

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseOpened:
    """A service began to watch a release: told to its environment."""

    release: Release


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseClosed:
    """A service stopped watching a release: told to its environment."""

    release: ReleaseId
    environment: EnvironmentName
    at: AwareDatetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictReached:
    """A service's judge spoke: told to its environment, with what blame needs."""

    verdict: Verdict
    suspicion: Suspicion
    release: Release


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspicionChanged:
    """Damage at a release that has no verdict yet moved: told to its environment, where blame ranks it."""

    suspicion: Suspicion


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalySeen:
    """A service without a release is unlike its past: told to its environment, where blame weighs it."""

    anomaly: Anomaly


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryJudged:
    """A service fared so after an action: told to its environment."""

    recovery: Recovery


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureSeen:
    """A service fails in a known way; said again when more pods fail, or fewer: told to its environment."""

    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureCleared:
    """A failure is gone: told to its environment."""

    failure: str
    environment: EnvironmentName
    service: ServiceName
    at: AwareDatetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSeen:
    """A workload asks for another template than before, whoever changed it: told to its environment."""

    environment: EnvironmentName
    service: ServiceName
    target: Target
    template: TemplateHash
    version: str
    at: AwareDatetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWaySeen:
    """A release changed something that going back to the earlier version does not take back.

    Attributes:
        version: Of the release; "" for whichever is under watch.
        reason: What changed, as a sentence: a migration that ran, a schema that moved on.
    """

    environment: EnvironmentName
    service: ServiceName
    version: str
    reason: str
    at: AwareDatetime


Body = (
    SampleBatch
    | LogBatch
    | ReleaseStarted
    | PodChanged
    | Tick
    | SettingsChanged
    | Approval
    | FreezeSet
    | KillSwitchSet
    | OutcomeReported
    | ReleaseOpened
    | ReleaseClosed
    | VerdictReached
    | SuspicionChanged
    | AnomalySeen
    | RecoveryJudged
    | FailureSeen
    | FailureCleared
    | TemplateSeen
    | OneWaySeen
    | InstrumentChanged
    | SmokeTested
    | BuildAssessed
    | Labelled
    | AfterwordTold
    | Explained
    | ModelChanged
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One entry of the ordered log.

    Attributes:
        key: `environment/service` for the service's engine, `environment` for the environment's,
            "" for every key of the partition.
        position: Where it stands in the log.
        origin: The message it was made from; None when it was put on the log directly.
    """

    key: str
    body: Body
    position: LogPosition
    origin: Origin | None = None
