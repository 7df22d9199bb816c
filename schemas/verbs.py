"""What a command says beyond its kind: each an absolute state, so that reaching it twice is once."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import AwareDatetime

from schemas.keys import SignalName
from schemas.releases import Target, TargetKind

LONGEST_VALUE = 64 * 1024
"""Characters of a ConfigMap's value that a command may carry: it travels in every copy of the log."""

_KEY = re.compile(r"[A-Za-z0-9._-]{1,253}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """How many replicas a workload is to have.

    Attributes:
        replicas: The number to reach, within the bounds.
        minimum: Fewest replicas that whoever gave the order allows.
        maximum: Most of them.
    """

    replicas: int
    minimum: int
    maximum: int

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= self.replicas <= self.maximum:
            raise ValueError(
                f"{self.replicas} replicas are wanted, expected {self.minimum} to {self.maximum}, from 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PodDeletion:
    """One pod of a workload that is to be gone.

    Attributes:
        pod: Its name.
        uid: Its uid: a StatefulSet gives the name to the next pod, too, and that one stays.
    """

    pod: str
    uid: str

    def __post_init__(self) -> None:
        if not self.pod or not self.uid:
            raise ValueError("a pod to delete is named by name and uid")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChange:
    """A key of a ConfigMap and its value.

    Attributes:
        key: The key.
        value: What it is to hold. Commands are kept for good: no secret belongs here.
        restart: Workload to restart once the value is there; None for none.
    """

    key: str
    value: str
    restart: Target | None = None

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise ValueError("a ConfigMap's key has letters, digits, '-', '_' and '.', at most 253")
        if len(self.value) > LONGEST_VALUE:
            raise ValueError(f"value has {len(self.value)} characters, expected at most {LONGEST_VALUE}")
        if self.restart is not None and self.restart.kind not in RESTARTABLE:
            raise ValueError(f"a {self.restart.kind} cannot be restarted, expected {', '.join(RESTARTABLE)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPromotion:
    """One step of a progressive rollout that is to be behind it.

    Attributes:
        step: Its place among the steps, from 0; 0 where a strategy has no steps, as blue-green has not.
    """

    step: int

    def __post_init__(self) -> None:
        if self.step < 0:
            raise ValueError(f"step is {self.step}, expected a place from 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookCall:
    """Something that the executor's installation allows by name: a playbook of Ansible, a script, a request.

    Attributes:
        name: As the installation lists it; of a Spinnaker pipeline, `application/pipeline`.
        arguments: Values by name; data, never text of a command line. No secret belongs here.
    """

    name: str
    arguments: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _RUNBOOK.fullmatch(self.name) or ".." in self.name:
            raise ValueError(
                "a runbook's name has letters, digits, '-', '_', '.', spaces and one '/', at most 200"
            )
        if len(self.arguments) > MOST_ARGUMENTS:
            raise ValueError(f"{len(self.arguments)} arguments, expected at most {MOST_ARGUMENTS}")
        for key, value in self.arguments.items():
            if not _ARGUMENT.fullmatch(key) or len(value) > LONGEST_ARGUMENT or "\0" in value:
                raise ValueError(
                    f"an argument is named by at most 63 letters, digits and '_', its value has at most "
                    f"{LONGEST_ARGUMENT} characters"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedyStep:
    """Which step of which playbook a command is.

    Attributes:
        playbook: Name and version, as `restart-crashed-pod@1`.
        index: The step's place, from 0.
        step: The step's name.
        failure: Id of the failure that called for it; "" for a release that was judged harmful.
    """

    playbook: str
    index: int
    step: str
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """What the service must show after a command, and by when: the executor hands it on in the outcome.

    Attributes:
        signals: Signals that must be back at their quiet level; empty for those that convicted, or all.
        within_s: Seconds after the outcome within which they must be; 0 for as long as the rule gives.
        since: When the damage began, which the quiet level lies before; None when nobody knows, or when it
            is that of the release that convicted.
    """

    signals: tuple[SignalName, ...] = ()
    within_s: int = 600
    since: AwareDatetime | None = None


class OwnerKind(StrEnum):
    """What writes an object again from elsewhere."""

    NOBODY = "nobody"
    ARGO_CD = "argocd"
    FLUX = "flux"
    HELM = "helm"


@dataclass(frozen=True, slots=True, kw_only=True)
class PausedSync:
    """An owner that was told to leave its objects alone, on a lease.

    Attributes:
        owner: Which tool.
        resource: Kind of the owner's own object, such as Application or Kustomization.
        namespace: Where that object lies.
        name: Its name.
        revision: The bad revision of the source, which stays in quarantine until it is superseded.
        until: When the lease ends, unless the source still asks for that revision.
        lifted: What to put back when it ends, as JSON of the fields that were changed.
    """

    owner: OwnerKind
    resource: str
    namespace: str
    name: str
    revision: str
    until: AwareDatetime
    lifted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Who owns an object that was changed, and what follows from it.

    Attributes:
        owner: Which tool; NOBODY when none was found.
        name: Of the owner's own object, as `Application argocd/shop`; "" without one.
        strategy: What was chosen because of it, in words.
        drift: What is now different from what the owner's source says; "" when nothing is.
        link: Where a human goes on, such as a pull request; "" without one.
        paused: What was told to leave it alone; empty when nothing was.
    """

    owner: OwnerKind
    name: str = ""
    strategy: str = ""
    drift: str = ""
    link: str = ""
    paused: tuple[PausedSync, ...] = ()


MOST_ARGUMENTS = 32
LONGEST_ARGUMENT = 1024
_RUNBOOK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,98}(/[A-Za-z0-9][A-Za-z0-9._ -]{0,98})?")
_ARGUMENT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")

RESTARTABLE = (TargetKind.DEPLOYMENT, TargetKind.STATEFUL_SET, TargetKind.DAEMON_SET)
"""What runs pods from a template."""
