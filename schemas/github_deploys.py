"""GitHub's webhooks: deployment statuses begin releases, runs that the settings name do, nothing else.

Source: octokit/webhooks, payload schemas `deployment_status`, `deployment`; docs.github.com, "Webhook
events and payloads".
"""

from schemas.cloudevents import read_instant
from schemas.deploying_runs import DeployingRuns
from schemas.errors import SchemaError
from schemas.foreign_json import Json, read_object
from schemas.github_runs import read_release, read_workflow_run
from schemas.outward_words import SAID_BY
from schemas.webhook_deploys import (
    NoDeploy,
    Told,
    ToldDeploy,
    WebhookNames,
    number_at,
    optional_text_at,
    text_at,
    usable_instant,
    usable_team,
    usable_version,
)

_BEGINS = ("in_progress", "success")
_WAITS = ("queued", "pending", "waiting")
_TASK = "deploy"
_NO_RUNS = DeployingRuns()


def read_github(event: str, body: bytes, names: WebhookNames, runs: DeployingRuns = _NO_RUNS) -> Told:
    """Return the deployment that a delivery tells of, or why it begins none.

    Service of a deployment status: `deployment.payload.service`, else what `names` makes of the
    repository. Version: `deployment.payload.version`, else `deployment.ref`, else, where that is the
    repository's default branch, which names no version, the commit.

    Args:
        event: The header `X-GitHub-Event`.
        body: JSON.
        names: How names are to be changed.
        runs: Which workflows and releases count as deployments.

    Raises:
        SchemaError: it is an event that counts, and not as GitHub writes it.
    """
    match event:
        case "deployment_status":
            return _read_status(body, names)
        case "workflow_run":
            return read_workflow_run(body, names, runs)
        case "release":
            return read_release(body, names, runs)
        case "deployment":
            return NoDeploy(why="a deployment is only asked for; its status in_progress or success begins it")
        case _:
            return NoDeploy(why="event is neither deployment_status, workflow_run nor release")


def _read_status(body: bytes, names: WebhookNames) -> Told:
    whole = read_object(body, "deployment_status")
    if text_at(whole, "action") != "created":
        return NoDeploy(why="action is not created")
    state = text_at(whole, "deployment_status.state")
    if state not in _BEGINS:
        begun = "has not begun" if state in _WAITS else "did not come through, or its state is not known"
        return NoDeploy(why=f"deployment {begun}")
    if optional_text_at(whole, "deployment_status.description").startswith(SAID_BY):
        return NoDeploy(why="the status is what we said of the deployment ourselves")
    task = text_at(whole, "deployment.task")
    if task != _TASK and not task.startswith(f"{_TASK}:"):
        return NoDeploy(why="task is not deploy")
    deployment = whole["deployment"]
    if isinstance(deployment, dict) and deployment.get("transient_environment") is True:
        return NoDeploy(why="environment is transient")
    environment = names.environment(
        optional_text_at(whole, "deployment_status.environment") or text_at(whole, "deployment.environment")
    )
    if isinstance(environment, NoDeploy):
        return environment
    said = _payload(deployment)
    own = said.get("service")
    repository = text_at(whole, "repository.full_name")
    commit = text_at(whole, "deployment.sha")
    return ToldDeploy(
        source=text_at(whole, "repository.html_url"),
        deployment=str(number_at(whole, "deployment.id")),
        service=names.service(own if isinstance(own, str) and own.strip() else repository),
        environment=environment,
        version=usable_version(said.get("version")) or _version(whole, commit),
        at=read_instant("deployment_status.created_at", text_at(whole, "deployment_status.created_at")),
        commit=commit,
        url=optional_text_at(whole, "deployment_status.log_url")
        or optional_text_at(whole, "deployment_status.target_url"),
        team=usable_team(said.get("team")),
        # A deployment names its commit and not when that was made: who asks for it may say.
        committed_at=usable_instant(said.get("committed_at")),
    )


def _version(whole: dict[str, Json], commit: str) -> str:
    ref = text_at(whole, "deployment.ref")
    branch = ref.removeprefix("refs/heads/")
    if branch != ref or branch == optional_text_at(whole, "repository.default_branch"):
        return commit
    return ref.removeprefix("refs/tags/")


def _payload(deployment: Json) -> dict[str, Json]:
    """Return what whoever asked for the deployment said: free JSON, or a string that holds JSON."""
    said = deployment.get("payload") if isinstance(deployment, dict) else None
    if isinstance(said, str):
        try:
            return read_object(said.encode(), "deployment.payload")
        except SchemaError:
            # Free text is as good as JSON here; it only says nothing to us.
            return {}
    return said if isinstance(said, dict) else {}
