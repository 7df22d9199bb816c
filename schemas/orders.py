"""What is decided, ordered and done: decisions, holds, commands and outcomes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, assert_never

from pydantic import AwareDatetime, Field

from schemas.approvals import Asked, Brief
from schemas.judgements import VerdictKind
from schemas.keys import (
    NO_TEMPLATE,
    CommandId,
    DecisionId,
    EnvironmentName,
    ReleaseId,
    ServiceName,
    TemplateHash,
)
from schemas.releases import Target
from schemas.verbs import (
    Awaited,
    ConfigChange,
    Ownership,
    PausedSync,
    PodDeletion,
    RemedyStep,
    RunbookCall,
    Scaling,
    StepPromotion,
)


class Playbook(StrEnum):
    """What to do about a verdict."""

    ROLLBACK = "rollback"
    PROMOTE = "promote"
    PAGE = "page"
    NOTHING = "nothing"
    REMEDY = "remedy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """One release's place in the ranking of blame.

    Attributes:
        score: Higher is more to blame; comparable within one ranking only.
        why: What speaks for and against, in words.
    """

    release: ReleaseId
    service: ServiceName
    score: float
    why: str


class Guard(StrEnum):
    """What can hold or deny a decision."""

    APPROVAL = "approval"
    BUDGET = "budget"
    COOLDOWN = "cooldown"
    FREEZE = "freeze"
    KILL_SWITCH = "kill_switch"
    BLAST_RADIUS = "blast_radius"
    NO_TARGET = "no_target"
    NO_ROLLBACK_TEMPLATE = "no_rollback_template"
    ROLLBACK_OF_ROLLBACK = "rollback_of_rollback"
    REJECTED = "rejected"
    EXPIRED = "expired"
    AMBIGUOUS_BLAME = "ambiguous_blame"
    SUPERSEDED = "superseded"
    SHADOW = "shadow"
    IRREVERSIBLE = "irreversible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """A rollback that may be put off to learn of it (`actions/exploration.py`).

    Attributes:
        share: Of such rollbacks, the share that is put off: the probability of what was chosen here.
        until: When it is carried out at the latest; None where it was not chosen.
    """

    share: Annotated[float, Field(gt=0.0, le=1.0)]
    until: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A playbook chosen for a release, and why.

    Attributes:
        verdict: Id of the verdict that led here.
        suspects: Ranking of blame, most to blame first; empty when nothing is blamed.
        rule: Which line of the policy decided.
        needs_approval: A human must agree before anything changes.
        alternatives: What else was considered and why not.
        settings: Digest of the policy that decided.
        remedy: Name and version of the playbook whose steps follow; "" for none.
        failure: Id of the failure that it is about; "" for a verdict.
        verdict_kind: Kind of that verdict; None where a failure or a smoke test led here.
        first_bad_at: When the damage that it is about began, as far as that is known.
        started_at: Start of the release; None for a failure without one.
        guard: What held or denied it at once; None when nothing stood in the way.
        exploration: Whether it is put off to learn of it; None where it could not have been. Left out of its
            JSON form then.
    """

    id: DecisionId
    release: ReleaseId
    environment: EnvironmentName
    service: ServiceName
    version: str
    verdict: str
    playbook: Playbook
    at: AwareDatetime
    why: str
    rule: str
    needs_approval: bool
    confidence: float
    suspects: tuple[Suspect, ...] = ()
    alternatives: tuple[str, ...] = ()
    settings: str = ""
    remedy: str = ""
    failure: str = ""
    verdict_kind: VerdictKind | None = None
    first_bad_at: AwareDatetime | None = None
    started_at: AwareDatetime | None = None
    guard: Guard | None = None
    exploration: Annotated[Exploration | None, Field(exclude_if=lambda value: value is None)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A decision waits: for a human's answer until `expires_at`, or for good when that is None.

    Attributes:
        id: What a human approves or rejects by.
        command: The command that approval would release; None when there is nothing to approve.
        asked: Who may answer; None when there is nothing to approve.
        brief: What a human is shown; None likewise.
    """

    id: str
    decision: DecisionId
    release: ReleaseId
    environment: EnvironmentName
    service: ServiceName
    guard: Guard
    reason: str
    at: AwareDatetime
    expires_at: AwareDatetime | None = None
    command: "Command | None" = None
    asked: Asked | None = None
    brief: Brief | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A decision will not be carried out."""

    id: str
    decision: DecisionId
    release: ReleaseId
    environment: EnvironmentName
    service: ServiceName
    guard: Guard
    reason: str
    at: AwareDatetime


class CommandKind(StrEnum):
    """What the executor can be ordered to do. Each names an absolute target state, so twice is once."""

    UNDO = "undo"
    PROMOTE = "promote"
    RESTART = "restart"
    SCALE = "scale"
    PAUSE = "pause"
    RESUME = "resume"
    DELETE_POD = "delete_pod"
    RUN_JOB = "run_job"
    SET_CONFIG = "set_config"
    ABORT = "abort"
    RETRY = "retry"
    PROMOTE_STEP = "promote_step"
    RESUME_SYNC = "resume_sync"
    RUN_ANSIBLE = "run_ansible"
    RUN_SCRIPT = "run_script"
    CALL_HTTP = "call_http"
    RUN_PIPELINE = "run_pipeline"


RUNBOOKS = (CommandKind.RUN_ANSIBLE, CommandKind.RUN_SCRIPT, CommandKind.CALL_HTTP, CommandKind.RUN_PIPELINE)
"""What the executor's installation allows by name, outside any cluster's own API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """An order to bring a target to a state.

    Attributes:
        template: Template hash that the target must run when this is done; "" for kinds that name none.
        expected_template: Template hash that the order was given for: it is refused when something else
            runs by then; "" skips the check.
        approved_by: Who agreed, as "name via channel"; "" when nobody had to.
        scaling: For SCALE.
        pod: For DELETE_POD; the target is the workload that the pod belongs to.
        config: For SET_CONFIG.
        step: For PROMOTE_STEP.
        timeout_s: Seconds in which the change must have taken effect, a Job have ended; 0 leaves it to
            the executor.
        runbook: For the kinds of `RUNBOOKS`; the target is the workload that it is run for.
        paused: For RESUME_SYNC: what was paused.
        remedy: Which step of which playbook it is; None for an order of no playbook.
        awaited: What the service must show afterwards; None leaves it to the kind.
        is_rehearsal: Everything is done but the change itself: the server is asked to store nothing.
    """

    id: CommandId
    kind: CommandKind
    decision: DecisionId
    release: ReleaseId
    environment: EnvironmentName
    service: ServiceName
    target: Target
    template: TemplateHash
    expected_template: TemplateHash
    issued_at: AwareDatetime
    expires_at: AwareDatetime
    approved_by: str = ""
    scaling: Scaling | None = None
    pod: PodDeletion | None = None
    config: ConfigChange | None = None
    step: StepPromotion | None = None
    timeout_s: int = 0
    runbook: RunbookCall | None = None
    paused: PausedSync | None = None
    remedy: RemedyStep | None = None
    awaited: Awaited | None = None
    is_rehearsal: bool = False

    def __post_init__(self) -> None:
        if lacking := _lacking(self):
            raise ValueError(
                f"command {self.id} to {self.kind} names no {lacking}, expected an absolute target"
            )
        if not 0 <= self.timeout_s <= LONGEST_TIMEOUT_S:
            raise ValueError(
                f"command {self.id} may take {self.timeout_s} s, expected 0 to {LONGEST_TIMEOUT_S}"
            )


LONGEST_TIMEOUT_S = 24 * 60 * 60
"""An executor's lane is taken for as long as a command is under way."""


def _lacking(command: Command) -> str:
    """Return what a command of its kind must name and does not; "" when it is whole."""
    match command.kind:
        case CommandKind.UNDO | CommandKind.PROMOTE:
            return "" if command.template else "template"
        case CommandKind.SCALE:
            return "" if command.scaling else "number of replicas"
        case CommandKind.DELETE_POD:
            return "" if command.pod else "pod"
        case CommandKind.SET_CONFIG:
            return "" if command.config else "key and value"
        case CommandKind.PROMOTE_STEP:
            return "template" if not command.template else "" if command.step else "step"
        case CommandKind.RESUME_SYNC:
            return "" if command.paused else "paused owner"
        case (
            CommandKind.RUN_ANSIBLE
            | CommandKind.RUN_SCRIPT
            | CommandKind.CALL_HTTP
            | CommandKind.RUN_PIPELINE
        ):
            return "" if command.runbook else "runbook"
        case (
            CommandKind.RESTART
            | CommandKind.PAUSE
            | CommandKind.RESUME
            | CommandKind.RUN_JOB
            | CommandKind.ABORT
            | CommandKind.RETRY
        ):
            return ""
        case _:
            assert_never(command.kind)


class OutcomeKind(StrEnum):
    """How a command ended.

    REHEARSED: it would have worked, and nothing was changed. HANDED_OVER: nothing was changed here, because
    the object's owner would write it again; a human was given what to agree to, such as a pull request.
    """

    DONE = "done"
    ALREADY_DONE = "already_done"
    FAILED = "failed"
    REFUSED = "refused"
    REHEARSED = "rehearsed"
    HANDED_OVER = "handed_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the executor saw when it read the world back.

    Attributes:
        id: Derived from the command.
        template_before: Template that ran when the command arrived; "" when unknown.
        template_after: Template that runs now, as read back; "" when unknown.
        detail: One sentence: what was changed, or what stood in the way.
        log_tail: Last lines that a Job said, oldest first, redacted; empty for other kinds.
        ownership: Who owns the target and what followed from it; None where nobody looked.
        remedy: The command's.
        awaited: The command's.
    """

    id: str
    command: CommandId
    kind: OutcomeKind
    command_kind: CommandKind
    release: ReleaseId
    environment: EnvironmentName
    service: ServiceName
    target: Target
    started_at: AwareDatetime
    at: AwareDatetime
    detail: str
    template_before: TemplateHash = NO_TEMPLATE
    template_after: TemplateHash = NO_TEMPLATE
    log_tail: tuple[str, ...] = ()
    ownership: Ownership | None = None
    remedy: RemedyStep | None = None
    awaited: Awaited | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A human should look.

    Attributes:
        id: Derived from what it is about, so that one thing pages once.
        about: Id of the verdict, hold, outcome or recovery behind it.
    """

    id: str
    environment: EnvironmentName
    service: ServiceName
    release: ReleaseId | None
    about: str
    summary: str
    at: AwareDatetime
