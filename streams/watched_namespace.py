"""One namespace as a watcher follows it: events in, observations out. Pure but for what it is given.

It says nothing of failures while any of its kinds is not known or not current: what a lost API server does
not tell is not gone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from actions.cluster_objects import (
    CronJobSeen,
    JobSeen,
    ObjectReader,
    ObjectSeen,
    PodSeen,
    ReplicaSetSeen,
    WorkloadSeen,
)
from actions.cluster_view import ClusterView
from actions.failure_book import FailureBook
from actions.failure_migrations import changed_for_good
from actions.failure_patterns import Patience
from actions.kubernetes_resources import (
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    STATEFUL_SETS,
    Resource,
    Rule,
)
from actions.kubernetes_watch import Changed, Listed, Lost, Removed, WatchEvent
from schemas.failures import Failure
from schemas.keys import EnvironmentName, ServiceName, TemplateHash
from schemas.observations import (
    FailureCleared,
    FailureSeen,
    OneWaySeen,
    PodChange,
    PodChanged,
    TemplateSeen,
)
from schemas.releases import Target, TargetKind

AGAIN = timedelta(days=1)
"""What lasts is said again so often, word for word: a successor reads back only so far."""

MOST_ONE_WAY = 10_000
"""What changed for good and was said; the oldest is forgotten, and said again."""

News = FailureSeen | FailureCleared | TemplateSeen | OneWaySeen | PodChanged


class Feed(StrEnum):
    """The kinds of objects that are followed."""

    PODS = "pods"
    REPLICA_SETS = "replicasets"
    JOBS = "jobs"
    CRON_JOBS = "cronjobs"
    DEPLOYMENTS = "deployments"
    STATEFUL_SETS = "statefulsets"
    DAEMON_SETS = "daemonsets"
    ROLLOUTS = "rollouts"


RESOURCES: dict[Feed, Resource] = {
    Feed.PODS: PODS,
    Feed.REPLICA_SETS: REPLICA_SETS,
    Feed.JOBS: JOBS,
    Feed.CRON_JOBS: CRON_JOBS,
    Feed.DEPLOYMENTS: DEPLOYMENTS,
    Feed.STATEFUL_SETS: STATEFUL_SETS,
    Feed.DAEMON_SETS: DAEMON_SETS,
    Feed.ROLLOUTS: ROLLOUTS,
}
_WORKLOADS = {
    Feed.DEPLOYMENTS: TargetKind.DEPLOYMENT,
    Feed.STATEFUL_SETS: TargetKind.STATEFUL_SET,
    Feed.DAEMON_SETS: TargetKind.DAEMON_SET,
    Feed.ROLLOUTS: TargetKind.ROLLOUT,
}


def watching_rights() -> tuple[Rule, ...]:
    """Return the rights that a watcher needs in a namespace: reading, and neither secrets nor logs."""
    return tuple(
        Rule(resource=resource, verbs=("get", "list", "watch"))
        for resource in sorted(RESOURCES.values(), key=lambda one: (one.group, one.plural))
    )


def reader_of(feed: Feed, reader: ObjectReader) -> Any:
    """Return what makes of an object's JSON what is kept of it."""
    match feed:
        case Feed.PODS:
            return reader.pod
        case Feed.REPLICA_SETS:
            return reader.replica_set
        case Feed.JOBS:
            return reader.job
        case Feed.CRON_JOBS:
            return reader.cron_job
        case Feed.DEPLOYMENTS | Feed.STATEFUL_SETS | Feed.DAEMON_SETS | Feed.ROLLOUTS:
            return partial(reader.workload, _WORKLOADS[feed])


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said of a namespace before, as the log holds it.

    Attributes:
        failures: Those that were not called over.
        templates: The newest template of each workload.
        one_way: Service, version and reason of what changed for good.
    """

    failures: tuple[Failure, ...] = ()
    templates: tuple[tuple[Target, TemplateHash], ...] = ()
    one_way: tuple[tuple[str, str, str], ...] = ()


@dataclass(slots=True)
class _Life:
    """What was said of a pod."""

    is_ready: bool = False
    is_gone: bool = False


@dataclass(slots=True)
class _State:
    """Whether a kind is known, and current."""

    is_listed: bool = False
    is_current: bool = False


class WatchedNamespace:
    """Follows one namespace.

    Args:
        environment: What telemetry calls it.
        cluster: What commands call its cluster.
        namespace: Its name.
        patience: How long to wait before something is called a failure, or over.
        said: What was said of it before.
    """

    def __init__(
        self,
        environment: EnvironmentName,
        cluster: str,
        namespace: str,
        patience: Patience | None = None,
        said: Said | None = None,
    ) -> None:
        self.view = ClusterView(environment=environment, cluster=cluster, namespace=namespace)
        self.book = FailureBook(patience)
        self._feeds = {feed: _State() for feed in Feed}
        self._lives: dict[str, _Life] = {}
        before = said or Said()
        self.book.recall(before.failures)
        self._templates = dict(before.templates)
        self._one_way = dict.fromkeys(before.one_way)
        self._repeated_at: datetime | None = None

    @property
    def is_current(self) -> bool:
        """Return whether everything in it is known as it is now."""
        return all(state.is_listed and state.is_current for state in self._feeds.values())

    def take(self, feed: Feed, event: WatchEvent[ObjectSeen], now: datetime) -> list[PodChanged]:
        """Take an event in; return what became of pods by it."""
        state = self._feeds[feed]
        match event:
            case Lost(is_unserved=True):
                # A cluster without the type has none of them.
                state.is_listed = state.is_current = True
                return self._replaced(feed, (), now)
            case Lost():
                state.is_current = False
                return []
            case Listed(objects=objects):
                is_first = not state.is_listed
                state.is_listed = state.is_current = True
                return self._replaced(feed, objects, now, is_first=is_first)
            case Changed(object=thing):
                self._put(thing)
                return list(self._told(thing)) if isinstance(thing, PodSeen) else []
            case Removed(object=thing):
                self._drop(thing)
                return list(self._gone(thing, now)) if isinstance(thing, PodSeen) else []

    def news(self, now: datetime) -> list[News]:
        """Return what is to be said now; nothing while anything is not known."""
        if not self.is_current:
            return []
        found: list[News] = [*self._changed_templates(), *self._changed_for_good()]
        found += self.book.examine(self.view, now)
        if self._repeated_at is None:
            self._repeated_at = now
        elif now - self._repeated_at >= AGAIN:
            self._repeated_at = now
            found += [FailureSeen(failure=failure) for failure in self.book.failures]
        return found

    def _changed_templates(self) -> Iterator[TemplateSeen]:
        for (kind, name), workload in sorted(self.view.workloads.items()):
            target = self.view.target(kind, name)
            template = self.view.template_of(workload)
            if not workload.service or not template or self._templates.get(target) == template:
                continue
            self._templates[target] = template
            yield TemplateSeen(
                environment=self.view.environment,
                service=ServiceName(workload.service),
                target=target,
                template=template,
                version=workload.version,
                at=workload.changed_at,
            )

    def _changed_for_good(self) -> Iterator[OneWaySeen]:
        for seen in changed_for_good(self.view):
            key = (seen.service, seen.version, seen.reason)
            if key in self._one_way:
                continue
            self._one_way[key] = None
            while len(self._one_way) > MOST_ONE_WAY:
                del self._one_way[next(iter(self._one_way))]
            yield seen

    def _replaced(
        self, feed: Feed, objects: Iterable[ObjectSeen], now: datetime, *, is_first: bool = False
    ) -> list[PodChanged]:
        """Put a whole kind in place; what is not there any more is gone."""
        found: list[PodChanged] = []
        staying = {_key(one) for one in objects}
        for key, before in list(self._shelf(feed).items()):
            if key not in staying and (feed not in _WORKLOADS or key[0] is _WORKLOADS[feed]):
                self._drop(before)
                found += self._gone(before, now) if isinstance(before, PodSeen) else ()
        for one in objects:
            self._put(one)
            found += self._told(one, is_first=is_first) if isinstance(one, PodSeen) else ()
        return found

    def _told(self, pod: PodSeen, *, is_first: bool = False) -> Iterator[PodChanged]:
        """Yield that a pod became ready, once in its life, and that it goes.

        A pod that is ready again is no new one. One that had restarted before we looked is not called ready:
        when it first was is not known, and a later instant would make an old pod pass for a new one.
        """
        life = self._lives.setdefault(pod.uid, _Life())
        if pod.is_ready and pod.ready_changed_at is not None and not life.is_ready:
            life.is_ready = True
            if not (is_first and any(one.restarts for one in pod.containers)):
                yield from self._pod_changed(pod, PodChange.READY, pod.ready_changed_at)
        if pod.going_at is not None and not life.is_gone:
            life.is_gone = True
            yield from self._pod_changed(pod, PodChange.DELETED, pod.going_at)

    def _gone(self, pod: PodSeen, now: datetime) -> Iterator[PodChanged]:
        life = self._lives.pop(pod.uid, _Life())
        if not life.is_gone:
            yield from self._pod_changed(pod, PodChange.DELETED, pod.going_at or now)

    def _pod_changed(self, pod: PodSeen, change: PodChange, at: datetime) -> Iterator[PodChanged]:
        if not pod.service or not pod.template:
            return
        yield PodChanged(
            environment=self.view.environment,
            service=ServiceName(pod.service),
            pod=pod.name,
            version=pod.version,
            template=pod.template,
            change=change,
            at=at,
        )

    def _shelf(self, feed: Feed) -> dict[Any, Any]:
        match feed:
            case Feed.PODS:
                return self.view.pods
            case Feed.REPLICA_SETS:
                return self.view.replica_sets
            case Feed.JOBS:
                return self.view.jobs
            case Feed.CRON_JOBS:
                return self.view.cron_jobs
            case _:
                return self.view.workloads

    def _put(self, thing: ObjectSeen) -> None:
        self._shelf_of(thing)[_key(thing)] = thing

    def _drop(self, thing: ObjectSeen) -> None:
        self._shelf_of(thing).pop(_key(thing), None)
        if isinstance(thing, WorkloadSeen):
            self._templates.pop(self.view.target(thing.kind, thing.name), None)

    def _shelf_of(self, thing: ObjectSeen) -> dict[Any, Any]:
        match thing:
            case PodSeen():
                return self.view.pods
            case ReplicaSetSeen():
                return self.view.replica_sets
            case JobSeen():
                return self.view.jobs
            case CronJobSeen():
                return self.view.cron_jobs
            case WorkloadSeen():
                return self.view.workloads


def _key(thing: ObjectSeen) -> Any:
    match thing:
        case WorkloadSeen():
            return (thing.kind, thing.name)
        case CronJobSeen():
            return thing.name
        case _:
            return thing.uid
