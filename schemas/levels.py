"""Levels that are too high, whatever was usual: a processor at its limit, a cache that is full."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.durations import PositiveDuration
from schemas.failures import FailurePattern
from schemas.signals import Field as PointField
from schemas.signals import Selector

TOLD_BY_LEVELS = (FailurePattern.SATURATION, FailurePattern.CACHE_FULL)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRule:
    """When a gauge says that a service fails.

    Attributes:
        name: What people call it.
        pattern: What it fails in, `saturation` or `cache_full`: playbooks are chosen by it.
        reading: The gauge.
        above: A pod's mean reading of one interval counts from here on, in the gauge's unit.
        lasting: How long enough pods must be so before it is a failure. Shorter takes a rush for one;
            longer finds it late.
        calm: How long they must not be so before it is over. Shorter ends failures that go on; longer than a
            playbook's check waits, and a step that helped passes for one that did not.
        share: Part of the pods that tell the gauge, of which so many must be so, 0 to 1. Smaller tells of one
            busy pod among many; larger waits until all are.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    pattern: FailurePattern
    reading: Selector
    above: float
    lasting: PositiveDuration = timedelta(minutes=5)
    calm: PositiveDuration = timedelta(minutes=2)
    share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a level has no name, expected what people call it")
        if self.pattern not in TOLD_BY_LEVELS:
            raise ValueError(
                f"level {self.name} has the pattern {self.pattern}, expected {' or '.join(TOLD_BY_LEVELS)}"
            )
        if self.reading.field is not PointField.VALUE:
            raise ValueError(f"level {self.name} reads a {self.reading.field}, expected a gauge's value")


def default_levels() -> tuple[LevelRule, ...]:
    """Return the levels that are watched where nothing else is said.

    Utilization of an application's own resources has no standard name; a pod's processor time against its
    limit has one. It must be switched on at the receiver, and only pods with limits have it.

    Source: opentelemetry-collector-contrib v0.155.0, receiver/kubeletstatsreceiver/documentation.md.
    """
    return (
        LevelRule(
            name="cpu_of_limit",
            pattern=FailurePattern.SATURATION,
            reading=Selector(metric="k8s.pod.cpu_limit_utilization"),
            above=0.9,
        ),
    )
