"""Which failures of a namespace last: begun by findings, over when every pod concerned has proven itself.

One failure is one workload, one pattern and one template. It keeps its id for as long as it lasts. The book
that a successor begins with is filled from what was said (`FailureBook.recall`), so that it goes on with the
same failures. Pure: the instants come from the objects, and `now` from whoever asks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from actions.cluster_objects import PodSeen
from actions.cluster_view import ClusterView
from actions.failure_migrations import failed_migration, newest_migrations
from actions.failure_patterns import Condition, Finding, Patience, condition, find, well_since
from schemas.failures import MOST_PODS, FailingPod, Failure, FailurePattern, failure_id
from schemas.keys import ServiceName, TemplateHash
from schemas.observations import FailureCleared, FailureSeen
from schemas.releases import Target

MOST_FAILURES = 1_000
"""Failures that last at once in one namespace; more are not told. Bounds memory."""

_OF_PODS = {
    FailurePattern.CRASH_LOOP: "crash again and again",
    FailurePattern.OOM_KILLED: "are killed for their memory",
    FailurePattern.IMAGE_PULL: "have no image",
    FailurePattern.NOT_READY: "are not ready",
}
WATCHED = (*_OF_PODS, FailurePattern.MIGRATION_FAILED)
"""Patterns that a watcher tells; the others are told by levels and verdicts."""

_SHORTEST = timedelta(microseconds=1)
"""What was seen at an instant ends after it, however coarse the cluster's clock is."""

Key = tuple[FailurePattern, ServiceName, Target, TemplateHash]


@dataclass(slots=True, kw_only=True)
class _Open:
    """A failure that lasts.

    Attributes:
        uids: Pods that were found failing, and did not prove themselves since.
    """

    failure: Failure
    uids: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Running:
    """A pod that runs a service, and its workload."""

    target: Target
    pod: PodSeen


class FailureBook:
    """The failures of one namespace.

    Args:
        patience: How long it waits before it calls something so.
    """

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._open: dict[Key, _Open] = {}

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Return what lasts, as it was said last."""
        return tuple(one.failure for one in self._open.values())

    def recall(self, failures: Iterable[Failure]) -> None:
        """Go on with failures that were said and not called over."""
        for failure in failures:
            key = (failure.pattern, failure.service, failure.target, failure.template)
            self._open[key] = _Open(failure=failure, uids={pod.uid for pod in failure.pods})

    def examine(self, view: ClusterView, now: datetime) -> Iterator[FailureSeen | FailureCleared]:
        """Yield what is news: failures that began, grew or shrank, and those that are over.

        Args:
            view: Everything that there is, as of now: what it lacks is gone.
            now: The present instant. It decides whether something has lasted, and is the end of a failure
                whose pods are gone: the cluster keeps no instant of that.
        """
        running = _running(view)
        found: dict[Key, list[tuple[PodSeen, Finding]]] = {}
        for one in running:
            finding = find(one.pod, now, self._patience)
            if finding is not None:
                key = (finding.pattern, ServiceName(one.pod.service), one.target, one.pod.template)
                found.setdefault(key, []).append((one.pod, finding))
        for key, findings in found.items():
            if key in self._open or len(self._open) < MOST_FAILURES:
                yield from self._seen(view, key, findings, running, now)
        for key, known in list(self._open.items()):
            if key in found or key[0] not in _OF_PODS:
                continue
            over_at = self._over_at(view, key, running, now)
            if over_at is not None:
                yield self._cleared(key, known.failure, over_at)
        yield from self._migrations(view, now)

    def _seen(
        self,
        view: ClusterView,
        key: Key,
        findings: list[tuple[PodSeen, Finding]],
        running: list[_Running],
        now: datetime,
    ) -> Iterator[FailureSeen]:
        pattern, service, target, template = key
        known = self._open.get(key)
        failing = {pod.uid: pod for pod, _ in findings}
        for one in running:
            # One that runs for a moment between two crashes still counts.
            is_known = known is not None and one.pod.uid in known.uids and one.target == target
            if is_known and condition(one.pod, now, self._patience) is Condition.UNPROVEN:
                failing.setdefault(one.pod.uid, one.pod)
        workload = view.workload_of(target)
        replicas = workload.replicas if workload is not None else 0
        if known is not None and (known.failure.failing, known.failure.replicas) == (len(failing), replicas):
            known.uids = set(failing)
            return
        at = max(finding.at for _, finding in findings)
        since = min(finding.since for _, finding in findings)
        if known is not None:
            at, since = max(at, known.failure.at), known.failure.since
        pods = sorted(failing.values(), key=lambda pod: (pod.name, pod.uid))
        failure = Failure(
            id=failure_id(view.environment, service, pattern, target, template, since),
            pattern=pattern,
            environment=view.environment,
            service=service,
            target=target,
            since=since,
            at=at,
            template=template,
            version=pods[0].version if len({pod.version for pod in pods}) == 1 else "",
            pods=tuple(FailingPod(name=pod.name, uid=pod.uid) for pod in pods[:MOST_PODS]),
            failing=len(pods),
            replicas=replicas,
            detail=_detail(pattern, len(pods), replicas, [finding for _, finding in findings]),
        )
        self._open[key] = _Open(failure=failure, uids=set(failing))
        yield FailureSeen(failure=failure)

    def _over_at(
        self, view: ClusterView, key: Key, running: list[_Running], now: datetime
    ) -> datetime | None:
        """Return when a failure that no pod shows any more ended; None while that is not proven."""
        _, service, target, template = key
        staying = [
            one.pod
            for one in running
            if (one.target, one.pod.service, one.pod.template) == (target, service, template)
        ]
        if staying:
            ends = [well_since(pod, self._patience) for pod in staying]
            proven = [end for end in ends if end is not None and end <= now]
            return max(proven) if len(proven) == len(staying) else None
        workload = view.workload_of(target)
        if workload is None or workload.replicas == 0:
            return now
        asked = view.template_of(workload)
        # While its template is asked for, another pod of it is about to come.
        return now if asked and asked != template else None

    def _migrations(self, view: ClusterView, now: datetime) -> Iterator[FailureSeen | FailureCleared]:
        newest = newest_migrations(view)
        for (service, target), run in newest.items():
            key: Key = (FailurePattern.MIGRATION_FAILED, service, target, TemplateHash(""))
            known = self._open.get(key)
            job = run.job
            if run.is_active or (known is None and len(self._open) >= MOST_FAILURES):
                continue
            if job.failed_at is None:
                if known is not None:
                    yield self._cleared(key, known.failure, job.completed_at or now)
            elif known is None or known.failure.at < job.failed_at:
                failure = failed_migration(view, service, target, job, known.failure if known else None)
                self._open[key] = _Open(failure=failure)
                yield FailureSeen(failure=failure)
        for key, known in list(self._open.items()):
            if key[0] is FailurePattern.MIGRATION_FAILED and (key[1], key[2]) not in newest:
                yield self._cleared(key, known.failure, now)

    def _cleared(self, key: Key, failure: Failure, at: datetime) -> FailureCleared:
        del self._open[key]
        return FailureCleared(
            failure=failure.id,
            environment=failure.environment,
            service=failure.service,
            at=max(at, failure.at + _SHORTEST),
        )


def _running(view: ClusterView) -> list[_Running]:
    """Return the pods that run a service and stay, by name."""
    sets = view.sets_by_name()
    found = [
        _Running(target, pod)
        for pod in view.pods.values()
        if pod.service and pod.going_at is None and (target := view.runs(pod, sets)) is not None
    ]
    return sorted(found, key=lambda one: (one.pod.name, one.pod.uid))


def _detail(pattern: FailurePattern, failing: int, replicas: int, findings: list[Finding]) -> str:
    of = f" of {replicas}" if replicas else ""
    newest = max(findings, key=lambda one: (one.at, one.pod))
    return f"{failing}{of} pods {_OF_PODS[pattern]}: {newest.detail}"
