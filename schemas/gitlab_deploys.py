"""GitLab's webhooks: deployment events begin releases, pipelines that the settings name do, nothing else.

Source: docs.gitlab.com, "Webhook events", "Deployment events".
"""

import re

from schemas.deploying_runs import DeployingRuns
from schemas.foreign_json import Json, read_object
from schemas.gitlab_instants import read_gitlab_instant
from schemas.gitlab_pipelines import read_pipeline
from schemas.webhook_deploys import (
    NoDeploy,
    Told,
    ToldDeploy,
    WebhookNames,
    number_at,
    optional_text_at,
    text_at,
)

_BEGINS = ("running", "success")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NO_RUNS = DeployingRuns()


def read_gitlab(body: bytes, names: WebhookNames, runs: DeployingRuns = _NO_RUNS) -> Told:
    """Return the deployment that a delivery tells of, or why it begins none.

    The service is what `names` makes of the project, the version is `short_sha` (eight digits, GitLab CI's
    `CI_COMMIT_SHORT_SHA`). The same field says that a deployment is blocked, approved or rejected, which
    begins none.

    Args:
        body: JSON.
        names: How names are to be changed.
        runs: Which pipelines count as deployments.

    Raises:
        SchemaError: it is no JSON object, or an event that counts and not as GitLab writes it.
    """
    whole = read_object(body, "webhook")
    kind = text_at(whole, "object_kind")
    if kind == "pipeline":
        return read_pipeline(whole, names, runs)
    if kind != "deployment":
        return NoDeploy(why="object_kind is neither deployment nor pipeline, expected nothing else")
    if text_at(whole, "status") not in _BEGINS:
        return NoDeploy(why="status is neither running nor success")
    environment = names.environment(text_at(whole, "environment"))
    if isinstance(environment, NoDeploy):
        return environment
    project = text_at(whole, "project.path_with_namespace")
    return ToldDeploy(
        source=text_at(whole, "project.web_url"),
        deployment=str(number_at(whole, "deployment_id")),
        service=names.service(project),
        environment=environment,
        version=text_at(whole, "short_sha"),
        at=read_gitlab_instant("status_changed_at", text_at(whole, "status_changed_at")),
        commit=_commit(whole),
        url=optional_text_at(whole, "deployable_url"),
    )


def _commit(whole: dict[str, Json]) -> str:
    """Return the whole commit, which only an address ends with."""
    tail = optional_text_at(whole, "commit_url").rpartition("/")[2]
    return tail if _COMMIT.fullmatch(tail) else text_at(whole, "short_sha")
