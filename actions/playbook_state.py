"""What one environment remembers of failures and of playbooks under way: plain data for snapshots."""

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import AwareDatetime

from schemas.failures import FailingPod, Failure
from schemas.orders import Command
from schemas.playbooks import PlaybookSpec, PlaybookStep

MOST_FAILURES = 256
"""Failures that are remembered at once; of a larger outage the later ones are said and not acted on."""


class Phase(StrEnum):
    """Where a run of a playbook stands.

    WAITING: for the failure to have lasted long enough, and for what stands in the way to pass. ASKED: a
    human is asked. ORDERED: a command is under way. CHECKING: it was done, and must show that it helped.
    """

    WAITING = "waiting"
    ASKED = "asked"
    ORDERED = "ordered"
    CHECKING = "checking"


@dataclass(slots=True, kw_only=True)
class KnownFailure:
    """A failure that was seen.

    Attributes:
        seen_at: When it was first said.
        gone_at: When it was said to be gone; None while it lasts.
        is_decided: Something was decided about it: a playbook was begun, or a human called.
    """

    failure: Failure
    seen_at: AwareDatetime
    gone_at: AwareDatetime | None = None
    is_decided: bool = False


@dataclass(slots=True, kw_only=True)
class PlaybookRun:
    """A playbook under way, as it was when it began.

    Attributes:
        about: Id of the failure or of the release that it is for.
        service: The service.
        failure: None for a release that was judged harmful.
        order: For a release: its first command, which the later ones take after; None for a failure.
        index: The step it is at, from 0.
        ordinal: Commands ordered so far.
        decision: Newest decision.
        command: Newest command; "" before the first.
        pods: Pods still to be deleted at this step.
        acted_at: When the newest command had taken effect.
        check_until: The step must have helped by then; None where the service's recovery says so itself.
        gone_since: Since when the failure is gone, None while it is not.
        is_recovered: What the service's signals said; None before they did.
        text: What they said, in numbers.
    """

    spec: PlaybookSpec
    about: str
    service: str
    failure: Failure | None = None
    order: Command | None = None
    phase: Phase = Phase.WAITING
    index: int = 0
    ordinal: int = 0
    decision: str = ""
    command: str = ""
    pods: list[FailingPod] = field(default_factory=list)
    acted_at: AwareDatetime | None = None
    check_until: AwareDatetime | None = None
    gone_since: AwareDatetime | None = None
    is_recovered: bool | None = None
    text: str = ""

    @property
    def step(self) -> PlaybookStep:
        """Return the step that it is at."""
        return self.spec.steps[self.index]


@dataclass(slots=True, kw_only=True)
class OneWay:
    """A change that going back does not take back, and when it was seen."""

    reason: str
    at: AwareDatetime


@dataclass(slots=True, kw_only=True)
class RemedyState:
    """Failures and playbooks of one environment.

    Attributes:
        failures: By id, oldest first.
        runs: Playbooks under way, by what they are about.
        one_way: `service version` to what was seen to be changed for good; the version is "" where nobody
            said it.
    """

    failures: dict[str, KnownFailure] = field(default_factory=dict)
    runs: dict[str, PlaybookRun] = field(default_factory=dict)
    one_way: dict[str, OneWay] = field(default_factory=dict)
