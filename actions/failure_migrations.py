"""Migrations: Jobs that change data for good, what became of the newest of each, and whose they are. Pure.

A Job is one when it, its template or the CronJob that it was made from carries the label or annotation
`suture.dev/migration`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from actions.cluster_objects import JobSeen
from actions.cluster_view import ClusterView
from schemas.failures import Failure, FailurePattern, failure_id
from schemas.keys import NO_TEMPLATE, ServiceName
from schemas.observations import OneWaySeen
from schemas.releases import Target, TargetKind

BEFORE = timedelta(minutes=15)
"""A migration that completed so long before a template was written belongs to that template's release, where
it names no version itself: deployments run migrations first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """The newest Job of a migration.

    Attributes:
        is_active: It, or another one of the same CronJob, has not ended.
    """

    job: JobSeen
    is_active: bool


def newest_migrations(view: ClusterView) -> dict[tuple[ServiceName, Target], Migration]:
    """Return the newest run of each migration, by its service and by what a failure of it names.

    A Job that no CronJob made has no object from which it could be run again: a failure then names the
    service's workload. One that belongs to no service is left out.
    """
    found: dict[tuple[ServiceName, Target], Migration] = {}
    for job in sorted(view.jobs.values(), key=lambda one: (one.created_at, one.name)):
        if not view.migration_of(job):
            continue
        service = ServiceName(view.migrated(job))
        target = _target(view, job, service)
        if service and target is not None:
            before = found.get((service, target))
            is_active = job.is_active or (before is not None and before.is_active)
            found[(service, target)] = Migration(job=job, is_active=is_active)
    return found


def failed_migration(
    view: ClusterView, service: ServiceName, target: Target, job: JobSeen, known: Failure | None
) -> Failure:
    """Return the failure of a Job; one that was tried again and failed again is the same failure as before.

    Raises:
        ValueError: the Job did not fail.
    """
    if job.failed_at is None:
        raise ValueError(f"Job {job.name} has not failed")
    since = known.since if known is not None else job.failed_at
    pattern = FailurePattern.MIGRATION_FAILED
    return Failure(
        id=failure_id(view.environment, service, pattern, target, NO_TEMPLATE, since),
        pattern=pattern,
        environment=view.environment,
        service=service,
        target=target,
        since=since,
        at=job.failed_at,
        version=job.version,
        failing=1,
        detail=f"migration Job {job.name} failed: {job.why_failed or 'its controller gives no reason'}",
    )


def changed_for_good(view: ClusterView) -> Iterator[OneWaySeen]:
    """Yield what going back does not take back: migrations that completed, and what templates declare.

    The same objects give the same words; whoever listens knows repeats.
    """
    for workload in sorted(view.workloads.values(), key=lambda one: (one.kind, one.name)):
        if workload.service and workload.one_way:
            yield OneWaySeen(
                environment=view.environment,
                service=ServiceName(workload.service),
                version=workload.version,
                reason=workload.one_way,
                at=workload.changed_at,
            )
    for job in sorted(view.jobs.values(), key=lambda one: (one.created_at, one.name)):
        if job.completed_at is None or not view.migration_of(job):
            continue
        service = ServiceName(view.migrated(job))
        version = job.version or _version_migrated(view, service, job)
        if service and version:
            yield OneWaySeen(
                environment=view.environment,
                service=service,
                version=version,
                reason=f"migration Job {job.name} completed",
                at=job.completed_at,
            )


def _version_migrated(view: ClusterView, service: ServiceName, job: JobSeen) -> str:
    """Return the version whose release a Job that names none was a part of; "" when it is older than that."""
    workload = view.workload_named(service)
    if workload is None or job.completed_at is None or job.completed_at < workload.changed_at - BEFORE:
        return ""
    return workload.version


def _target(view: ClusterView, job: JobSeen, service: ServiceName) -> Target | None:
    cron_job = view.cron_job_of(job)
    if cron_job is not None:
        return view.target(TargetKind.CRON_JOB, cron_job.name)
    workload = view.workload_named(service)
    return view.target(workload.kind, workload.name) if workload is not None else None
