"""GitLab's pipelines as deployments, where the settings say that they are.

Source: docs.gitlab.com, "Webhook events", "Pipeline events"; gitlab-org/gitlab,
app/models/concerns/enums/ci/pipeline.rb for what sets off a pipeline.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from schemas.deploying_runs import DeployingRuns
from schemas.errors import SchemaError
from schemas.foreign_json import Json, require_object
from schemas.gitlab_instants import read_gitlab_instant
from schemas.keys import EnvironmentName
from schemas.webhook_deploys import (
    NoDeploy,
    Told,
    ToldDeploy,
    WebhookNames,
    flag_at,
    number_at,
    optional_text_at,
    text_at,
    usable_instant,
    value_at,
)

_MOST_JOBS = 10_000
_SHORT = 8  # digits of CI_COMMIT_SHORT_SHA
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_DEPLOYS_NOTHING = (
    # A change that is not merged.
    "merge_request_event",
    "external_pull_request_event",
    # A part of another pipeline, whose success says enough.
    "parent_pipeline",
    # A commit's status that somebody wrote, and be it ours: it would set off itself.
    "external",
    # What GitLab calls dangling: beside the project's own configuration.
    "webide",
    "ondemand_dast_scan",
    "ondemand_dast_validation",
    "security_orchestration_policy",
    "container_registry_push",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A job that deploys.

    Attributes:
        environment: By the name that GitLab knows.
        began_at: When it started, or None where it never did.
    """

    id: int
    environment: str
    has_succeeded: bool
    began_at: datetime | None


def read_pipeline(whole: dict[str, Json], names: WebhookNames, runs: DeployingRuns) -> Told:
    """Return the deployment that a pipeline is, or why it is none.

    The version is the tag, else the commit's first eight digits, as a deployment event says it. Where jobs
    of the pipeline deploy to environments that GitLab knows, they decide: a pipeline succeeds while the job
    that deploys waits to be started by hand.

    Raises:
        SchemaError: it is not as GitLab writes it.
    """
    if not runs.pipelines:
        return NoDeploy(why="a pipeline deploys nothing unless SUTURE_GITLAB_PIPELINES names its project")
    if text_at(whole, "object_attributes.status") != "success":
        return NoDeploy(why="pipeline's status is not success")
    if optional_text_at(whole, "object_attributes.source") in _DEPLOYS_NOTHING:
        return NoDeploy(why="pipeline is of a change that is not merged, a child, or of no configuration")
    project, ref = text_at(whole, "project.path_with_namespace"), text_at(whole, "object_attributes.ref")
    is_tag = flag_at(whole, "object_attributes.tag")
    is_usual = is_tag or ref == optional_text_at(whole, "project.default_branch")
    environment = runs.pipeline(project, ref, is_usual=is_usual)
    if environment is None:
        return NoDeploy(why="pipeline's project and ref are not in SUTURE_GITLAB_PIPELINES")
    jobs = _deploying_jobs(whole)
    job = _newest([job for job in jobs if _is_for(environment, job, names)])
    if jobs and job is None:
        return NoDeploy(
            why="of the pipeline's jobs that deploy none came through to the environment set for it"
        )
    pipeline = f"pipeline {number_at(whole, 'object_attributes.id')}"
    commit = _commit(whole)
    return ToldDeploy(
        source=text_at(whole, "project.web_url"),
        deployment=f"{pipeline} job {job.id}" if job else pipeline,
        service=names.service(project),
        environment=environment,
        version=ref if is_tag else commit[:_SHORT],
        at=(job and job.began_at) or _instant(whole, "object_attributes.finished_at"),
        commit=commit,
        url=optional_text_at(whole, "object_attributes.url"),
        committed_at=_committed(whole, commit),
    )


def _deploying_jobs(whole: dict[str, Json]) -> list[_Job]:
    """Return the jobs that deploy to an environment, whatever became of them, in their order."""
    builds = whole.get("builds")
    if builds is None:
        return []
    if not isinstance(builds, list) or len(builds) > _MOST_JOBS:
        raise SchemaError(f"builds is not an array of at most {_MOST_JOBS} jobs")
    jobs = []
    for build in (require_object(build, "builds[]") for build in builds):
        if optional_text_at(build, "environment.action") == "start":
            began = optional_text_at(build, "started_at")
            jobs.append(
                _Job(
                    id=number_at(build, "id"),
                    environment=text_at(build, "environment.name"),
                    has_succeeded=text_at(build, "status") == "success",
                    began_at=read_gitlab_instant("builds[].started_at", began) if began else None,
                )
            )
    return jobs


def _is_for(environment: EnvironmentName, job: _Job, names: WebhookNames) -> bool:
    return job.has_succeeded and environment in (job.environment, names.environment(job.environment))


def _newest(jobs: list[_Job]) -> _Job | None:
    """Return the job that began last; one that was run again is another, with another id."""
    return max(
        jobs, key=lambda job: (job.began_at.timestamp() if job.began_at else 0.0, job.id), default=None
    )


def _committed(whole: dict[str, Json], commit: str) -> datetime | None:
    """Return when the pipeline's commit was made; None where the payload speaks of another commit."""
    if value_at(whole, "commit.id") != commit:
        return None
    return usable_instant(value_at(whole, "commit.timestamp"))


def _commit(whole: dict[str, Json]) -> str:
    commit = text_at(whole, "object_attributes.sha")
    if not _COMMIT.fullmatch(commit):
        raise SchemaError("object_attributes.sha is not a commit, expected 40 or 64 hexadecimal digits")
    return commit


def _instant(whole: dict[str, Json], path: str) -> datetime:
    return read_gitlab_instant(path, text_at(whole, path))
