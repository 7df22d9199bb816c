"""Playbooks: what may be done about a known failure, step by step, until it is gone or a human is asked.

The values only; `actions/playbook_files.py` reads them from YAML.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.durations import Duration, PositiveDuration
from schemas.failures import FailurePattern
from schemas.keys import SignalName
from schemas.orders import CommandKind
from schemas.releases import TargetKind

_STRICT = ConfigDict(extra="forbid")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class Otherwise(StrEnum):
    """What follows a step that did not help."""

    NEXT = "next"
    HUMAN = "human"


class Occasion(StrEnum):
    """Whether a release of the service must be under watch, its pods being the ones that fail."""

    ANY = "any"
    RELEASE = "release"
    NO_RELEASE = "no_release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What must hold before a playbook is begun, or a step of it.

    Attributes:
        occasion: Whether the failing pods must be those of a release under watch.
        kinds: What the target must be; empty for anything.
        max_failing_share: Share of the workload's replicas that may fail. Above it the failure is not one
            pod's own, and restarting pods one by one does not mend it.
    """

    __pydantic_config__ = _STRICT

    occasion: Occasion = Occasion.ANY
    kinds: tuple[TargetKind, ...] = ()
    max_failing_share: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """How it is told that a step helped.

    Attributes:
        within: It has so long to help. Shorter calls slow recoveries failures; longer asks a human later.
        clears: The failure that called for it must be gone.
        signals: Signals that must be back at their quiet level; empty for none, `*` for those that convicted
            the release, or for all that judge the service when none did.
        steady: The failure must stay away so long: a pod that crashes again took its time to.
    """

    __pydantic_config__ = _STRICT

    within: PositiveDuration = timedelta(minutes=5)
    clears: bool = True
    signals: tuple[SignalName, ...] = ()
    steady: Duration = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookStep:
    """One rung of the ladder.

    Attributes:
        name: Names it in sentences.
        does: The verb.
        parameters: What the verb needs beyond its target, by the verb's names; `{service}`,
            `{environment}`, `{workload}`, `{namespace}`, `{pod}`, `{failure}` and `{version}` stand for
            the failure's.
        when: What must hold; a step whose condition does not hold is passed over.
        timeout: What was ordered must have taken effect by then.
        check: How it is told that it helped.
        otherwise: What follows when it did not.
        goes_on: The next step follows also when it did.
        asks: A human must agree, whatever the policy says.
    """

    __pydantic_config__ = _STRICT

    name: str
    does: CommandKind
    parameters: dict[str, str] = field(default_factory=dict)
    when: Condition = field(default_factory=Condition)
    timeout: PositiveDuration = timedelta(minutes=2)
    check: Check = field(default_factory=Check)
    otherwise: Otherwise = Otherwise.HUMAN
    goes_on: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookSpec:
    """A ladder of steps for failures of certain patterns.

    Attributes:
        name: Lower-case letters, digits and hyphens; unique.
        version: Rises with every change; a run keeps the version that it began with.
        about: What it does, for the human who is asked.
        patterns: Failures that it is for.
        when: What must hold besides.
        settle: The failure must have lasted so long before anything is done.
        settle_of: The same for some of its patterns: a pod that is not ready yet may be a slow starter, and
            one whose image is not there hurts nobody.
        steps: At least one, in order.
        roll_forward: Not chosen by itself: what a human is offered where a release cannot be taken back.
    """

    __pydantic_config__ = _STRICT

    name: str
    version: Annotated[int, Field(ge=1)]
    about: str
    patterns: tuple[FailurePattern, ...]
    steps: tuple[PlaybookStep, ...]
    when: Condition = field(default_factory=Condition)
    settle: Duration = timedelta(0)
    settle_of: dict[FailurePattern, Duration] = field(default_factory=dict)
    roll_forward: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"playbook is named {self.name!r}, expected at most 63 lower-case letters, digits and hyphens"
            )
        if not self.steps:
            raise ValueError(f"playbook {self.name} has no steps, expected at least one")
        names = [step.name for step in self.steps]
        if len(set(names)) != len(names):
            raise ValueError(f"playbook {self.name} has steps {', '.join(names)}, expected each name once")
        if self.steps[-1].otherwise is Otherwise.NEXT or self.steps[-1].goes_on:
            raise ValueError(f"playbook {self.name} goes on after its last step, expected human there")

    @property
    def label(self) -> str:
        """Return name and version, as `restart-crashed-pod@1`."""
        return f"{self.name}@{self.version}"
