"""What a command says beyond its kind: each an absolute state, so that reaching it twice is once."""

import re
from dataclasses import dataclass

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


RESTARTABLE = (TargetKind.DEPLOYMENT, TargetKind.STATEFUL_SET, TargetKind.DAEMON_SET)
"""What runs pods from a template."""
