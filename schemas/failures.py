"""Failures: what a watcher of the cluster, or a level that is too high, says is wrong with a service."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import AwareDatetime

from schemas.keys import NO_TEMPLATE, EnvironmentName, ServiceName, TemplateHash, derived_id
from schemas.releases import Target, TargetKind


class FailurePattern(StrEnum):
    """Known ways to fail; each is what playbooks are chosen by.

    ERROR_BURST is a release that was judged harmful: it is said by a verdict, never by a watcher. ALERT is
    somebody else's rule that fires: whoever wrote it has seen to it that people know.
    """

    CRASH_LOOP = "crash_loop"
    OOM_KILLED = "oom_killed"
    IMAGE_PULL = "image_pull"
    NOT_READY = "not_ready"
    MIGRATION_FAILED = "migration_failed"
    SATURATION = "saturation"
    CACHE_FULL = "cache_full"
    ERROR_BURST = "error_burst"
    ALERT = "alert"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingPod:
    """One pod that fails, as this very pod: a StatefulSet gives the name to the next one, too."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One service fails in a known way.

    Attributes:
        id: Derived from service, pattern, target and beginning: one failure has one id however often it
            is seen. Readable, and safe in URLs.
        target: The workload that fails; of a migration, the CronJob that its Job was made from; `UNPLACED`
            where who tells does not know, until the policy says it.
        template: Template of the failing pods; "" when they have several, or it has none.
        version: What the failing pods' telemetry calls itself; "" when unknown.
        pods: Pods that fail, by name; bounded by `MOST_PODS`.
        failing: How many pods fail.
        replicas: How many pods the workload asks for; 0 when it has none.
        since: When the first of them began to fail.
        detail: What was seen, as a sentence: reasons and counts, never what a program printed.
    """

    id: str
    pattern: FailurePattern
    environment: EnvironmentName
    service: ServiceName
    target: Target
    since: AwareDatetime
    at: AwareDatetime
    template: TemplateHash = NO_TEMPLATE
    version: str = ""
    pods: tuple[FailingPod, ...] = ()
    failing: int = 0
    replicas: int = 0
    detail: str = ""

    def __post_init__(self) -> None:
        if len(self.pods) > MOST_PODS:
            raise ValueError(f"failure names {len(self.pods)} pods, expected at most {MOST_PODS}")
        if self.failing < len(self.pods) or self.replicas < 0:
            raise ValueError("a failure counts fewer pods than it names, or fewer replicas than none")


MOST_PODS = 20
"""Pods that a failure names; the others are counted."""

UNPLACED = Target(kind=TargetKind.DEPLOYMENT, cluster="", namespace="", workload="")
"""Stands for what runs the service, of which who tells knows no more."""

_UNSAFE = re.compile(r"[^A-Za-z0-9.]+")


def failure_id(
    environment: EnvironmentName,
    service: ServiceName,
    pattern: FailurePattern,
    target: Target,
    template: TemplateHash,
    since: datetime,
    about: str = "",
) -> str:
    """Return the id of the failure that began so: readable, safe in URLs and file names.

    `about` tells apart what the rest does not, such as two levels of one pattern.

    >>> cart = Target(kind=TargetKind.DEPLOYMENT, cluster="default", namespace="prod", workload="cart")
    >>> at = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    >>> prod, service = EnvironmentName("prod"), ServiceName("cart")
    >>> failure_id(prod, service, FailurePattern.CRASH_LOOP, cart, TemplateHash("5d9c7"), at)
    'prod-cart-crash-loop-1f09c2a6'
    """
    began = since.astimezone(UTC).isoformat()
    told = [environment, service, pattern, target.kind, target.key, template, began, about]
    readable = "-".join(_UNSAFE.sub("-", part) for part in (environment, service, pattern))
    return f"{readable}-{derived_id('failure', *told)[:8]}"
