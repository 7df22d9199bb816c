"""GitHub's workflow runs and releases as deployments, where the settings say that they are.

Source: octokit/webhooks, payload schemas `workflow_run`, `release`; docs.github.com, "Webhook events and
payloads".
"""

import re

from schemas.cloudevents import read_instant
from schemas.deploying_runs import DeployingRuns
from schemas.foreign_json import Json, read_object
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
    usable_version,
    value_at,
)

_BEFORE_A_MERGE = ("pull_request", "merge_group")
"""How events begin that run workflows of a change that is not merged, such as `pull_request_target`."""

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def read_workflow_run(body: bytes, names: WebhookNames, runs: DeployingRuns) -> Told:
    """Return the deployment that a workflow's run is, or why it is none.

    The version is the tag that the run is of, else the commit. A run that was run again has the same id
    and the next attempt: it is another deployment.

    Raises:
        SchemaError: it is not as GitHub writes it.
    """
    if not runs.workflows:
        return NoDeploy(
            why="a workflow's run deploys nothing unless SUTURE_GITHUB_WORKFLOWS names its workflow"
        )
    whole = read_object(body, "workflow_run")
    if text_at(whole, "action") != "completed":
        return NoDeploy(why="workflow's run is not completed")
    if optional_text_at(whole, "workflow_run.conclusion") != "success":
        return NoDeploy(why="workflow's run did not succeed")
    repository = text_at(whole, "repository.full_name")
    path = optional_text_at(whole, "workflow_run.path") or optional_text_at(whole, "workflow.path")
    # A path may say of which ref the file was read: `.github/workflows/deploy.yml@refs/heads/main`.
    file = path.partition("@")[0].rpartition("/")[2]
    environment = runs.workflow(repository, file, optional_text_at(whole, "workflow.name"))
    if environment is None:
        return NoDeploy(why="workflow is not one of SUTURE_GITHUB_WORKFLOWS")
    # What is not merged chooses its own workflow files: a stranger's fork could name its run as ours.
    event = text_at(whole, "workflow_run.event")
    origin = optional_text_at(whole, "workflow_run.head_repository.full_name")
    if event.startswith(_BEFORE_A_MERGE) or origin not in ("", repository):
        return NoDeploy(why="workflow ran of a change that is not merged, or of a fork")
    commit = text_at(whole, "workflow_run.head_sha")
    attempt = number_at(whole, "workflow_run.run_attempt")
    return ToldDeploy(
        source=text_at(whole, "repository.html_url"),
        deployment=f"run {number_at(whole, 'workflow_run.id')} attempt {attempt}",
        service=names.service(repository),
        environment=environment,
        version=_tag(whole) or commit,
        at=read_instant("workflow_run.updated_at", text_at(whole, "workflow_run.updated_at")),
        commit=commit,
        url=optional_text_at(whole, "workflow_run.html_url"),
        committed_at=usable_instant(value_at(whole, "workflow_run.head_commit.timestamp")),
    )


def read_release(body: bytes, names: WebhookNames, runs: DeployingRuns) -> Told:
    """Return the deployment that a published release is, or why it is none; its version is the tag.

    Raises:
        SchemaError: it is not as GitHub writes it.
    """
    if not runs.releases:
        return NoDeploy(why="a release deploys nothing unless SUTURE_GITHUB_RELEASES names its repository")
    whole = read_object(body, "release")
    if text_at(whole, "action") != "published":
        return NoDeploy(why="action is not published")
    if flag_at(whole, "release.draft"):
        return NoDeploy(why="release is a draft")
    repository = text_at(whole, "repository.full_name")
    is_prerelease = flag_at(whole, "release.prerelease")
    environment = runs.release(repository, is_prerelease=is_prerelease)
    if environment is None:
        kind = "pre-releases" if is_prerelease else "releases"
        return NoDeploy(why=f"SUTURE_GITHUB_RELEASES names no environment for {kind} of the repository")
    target = optional_text_at(whole, "release.target_commitish")
    return ToldDeploy(
        source=text_at(whole, "repository.html_url"),
        deployment=f"release {number_at(whole, 'release.id')}",
        service=names.service(repository),
        environment=environment,
        version=text_at(whole, "release.tag_name"),
        at=read_instant("release.published_at", text_at(whole, "release.published_at")),
        # A branch may have moved on since: only a whole commit says what was released.
        commit=target if _COMMIT.fullmatch(target) else "",
        url=optional_text_at(whole, "release.html_url"),
    )


def _tag(whole: dict[str, Json]) -> str:
    """Return the tag that a run is of, or "" where it is of a branch.

    GitHub names both in `head_branch` and does not say which it is. A run that a release set off is of a
    tag. Else the default branch is known, and a name without a digit or with a slash, such as `production`
    or `release/1.4`, is taken for a branch.
    """
    name = usable_version(optional_text_at(whole, "workflow_run.head_branch"))
    if text_at(whole, "workflow_run.event") == "release":
        return name
    is_branch = name == optional_text_at(whole, "repository.default_branch") or "/" in name
    return "" if is_branch or not any(letter in "0123456789" for letter in name) else name
