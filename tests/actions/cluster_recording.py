"""A recorded cluster, told event by event: views of it at any moment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

from actions.cluster_objects import ObjectReader, PodSeen
from actions.cluster_view import ClusterView
from actions.failure_book import FailureBook
from schemas.keys import EnvironmentName
from schemas.observations import FailureCleared, FailureSeen
from schemas.releases import TargetKind

FOLDER = Path(__file__).parent / "recorded"
SECOND = timedelta(seconds=1)
_INSTANT = re.compile(r'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"')

Json = dict[str, Any]


@cache
def _events(kind: str) -> tuple[Json, ...]:
    lines = (FOLDER / f"{kind}.jsonl").read_text().splitlines()
    return tuple(json.loads(line) for line in lines)


def recorded(kind: str, name: str = "") -> list[Json]:
    """Return the events of a kind whose objects' names begin so, oldest first."""
    return [event for event in _events(kind) if event["object"]["metadata"]["name"].startswith(name)]


def instant_of(event: Json) -> datetime:
    """Return the newest instant that an object names: it was told then, or within a second."""
    return max(datetime.fromisoformat(text) for text in _INSTANT.findall(json.dumps(event["object"])))


def pods(name: str) -> list[PodSeen]:
    """Return every state of the pods whose names begin so."""
    return [ObjectReader().pod(event["object"]) for event in recorded("pods", name)]


def empty_view() -> ClusterView:
    return ClusterView(environment=EnvironmentName("prod"), cluster="default", namespace="shop-prod")


def surroundings(view: ClusterView, *, is_last: bool = False) -> ClusterView:
    """Put every ReplicaSet, and the first or the last state of every Deployment and CronJob, into a view."""
    reader = ObjectReader()
    for event in recorded("replicasets"):
        seen = reader.replica_set(event["object"])
        view.replica_sets[seen.uid] = seen
    for event in recorded("deployments"):
        workload = reader.workload(TargetKind.DEPLOYMENT, event["object"])
        key = (workload.kind, workload.name)
        view.workloads[key] = workload if is_last else view.workloads.get(key, workload)
    for event in recorded("cronjobs"):
        cron_job = reader.cron_job(event["object"])
        view.cron_jobs[cron_job.name] = cron_job
    return view


def told(
    name: str, book: FailureBook, view: ClusterView | None = None
) -> Iterator[FailureSeen | FailureCleared]:
    """Play the pods whose names begin so to a book, at their own time and every second between."""
    view = surroundings(empty_view()) if view is None else view
    now: datetime | None = None
    for event in recorded("pods", name):
        at = instant_of(event) if now is None else max(now, instant_of(event))
        while now is not None and now + SECOND < at:
            now += SECOND
            yield from book.examine(view, now)
        now = at
        pod = ObjectReader().pod(event["object"])
        if event["type"] == "DELETED":
            view.pods.pop(pod.uid, None)
        else:
            view.pods[pod.uid] = pod
        yield from book.examine(view, now)


def jobs(name: str) -> Iterator[Any]:
    """Return every state of the Jobs whose names begin so."""
    return map(partial(ObjectReader.job, ObjectReader()), (one["object"] for one in recorded("jobs", name)))
