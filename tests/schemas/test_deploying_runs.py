"""Runs and releases that the settings name are deployments; others are left alone, nonsense is refused."""

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.cdevents import read_deploy
from schemas.deploying_runs import DeployingRuns
from schemas.errors import SchemaError
from schemas.github_deploys import read_github
from schemas.gitlab_deploys import read_gitlab
from schemas.keys import EnvironmentName
from schemas.webhook_deploys import NoDeploy, Told, ToldDeploy, WebhookNames, told_event
from tests.schemas.bent_deliveries import bent, settle

AT = datetime(2026, 11, 20, 14, tzinfo=UTC)
COMMIT = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"
PROD, STAGING = EnvironmentName("prod"), EnvironmentName("staging")
NAMES = WebhookNames()
RUNS = DeployingRuns(
    workflows={"shop/cart:deploy.yml": PROD, "Deploy to staging": STAGING},
    releases={"shop/cart": PROD},
    pipelines={"shop/cart": PROD, "shop/cart@develop": STAGING},
)
REPOSITORY = {
    "full_name": "shop/cart",
    "html_url": "https://github.com/shop/cart",
    "default_branch": "main",
}

WORKFLOW_RUN: dict[str, Any] = {
    "action": "completed",
    "workflow_run": {
        "id": 289782451,
        "name": "cart 1.4.2",
        "path": ".github/workflows/deploy.yml",
        "event": "push",
        "conclusion": "success",
        "head_branch": "v1.4.2",
        "head_sha": COMMIT,
        "head_repository": {"full_name": "shop/cart"},
        "run_attempt": 1,
        "updated_at": "2026-11-20T14:00:00Z",
        "html_url": "https://github.com/shop/cart/actions/runs/289782451",
    },
    "workflow": {"name": "Deploy", "path": ".github/workflows/deploy.yml"},
    "repository": REPOSITORY,
}
RELEASE: dict[str, Any] = {
    "action": "published",
    "release": {
        "id": 17372790,
        "tag_name": "v1.4.2",
        "target_commitish": "main",
        "draft": False,
        "prerelease": False,
        "published_at": "2026-11-20T14:00:00Z",
        "html_url": "https://github.com/shop/cart/releases/tag/v1.4.2",
    },
    "repository": REPOSITORY,
}
PIPELINE: dict[str, Any] = {
    "object_kind": "pipeline",
    "object_attributes": {
        "id": 31,
        "ref": "main",
        "tag": False,
        "sha": COMMIT,
        "source": "push",
        "status": "success",
        "finished_at": "2026-11-20 14:00:00 UTC",
        "url": "https://gitlab.example/shop/cart/-/pipelines/31",
    },
    "project": {
        "path_with_namespace": "shop/cart",
        "web_url": "https://gitlab.example/shop/cart",
        "default_branch": "main",
    },
    "builds": [{"id": 380, "status": "success", "started_at": None, "environment": None}],
}


def job(number: int = 381, **changes: Any) -> dict[str, Any]:
    """Return a job of a pipeline that has deployed to prod."""
    usual = {
        "id": number,
        "status": "success",
        "started_at": "2026-11-20 13:58:00 UTC",
        "environment": {"name": "prod", "action": "start", "deployment_tier": "production"},
    }
    return usual | changes


def place(name: str, action: str = "start") -> dict[str, str]:
    return {"name": name, "action": action}


def written(message: dict[str, Any], changes: dict[str, Any]) -> bytes:
    """Return a delivery with changes at paths such as `workflow_run__path`."""
    changed = deepcopy(message)
    for path, value in changes.items():
        *parents, name = path.split("__")
        inner = changed
        for parent in parents:
            inner = inner[parent]
        inner[name] = value
    return json.dumps(changed).encode()


def workflow_run(runs: DeployingRuns = RUNS, names: WebhookNames = NAMES, **changes: Any) -> Told:
    return read_github("workflow_run", written(WORKFLOW_RUN, changes), names, runs)


def release(runs: DeployingRuns = RUNS, names: WebhookNames = NAMES, **changes: Any) -> Told:
    return read_github("release", written(RELEASE, changes), names, runs)


def pipeline(runs: DeployingRuns = RUNS, names: WebhookNames = NAMES, **changes: Any) -> Told:
    return read_gitlab(written(PIPELINE, changes), names, runs)


def deploy(told: Told) -> ToldDeploy:
    assert isinstance(told, ToldDeploy)
    return told


def why_not(told: Told) -> str:
    assert isinstance(told, NoDeploy)
    return told.why


def test_a_workflows_run_names_service_version_environment_and_commit() -> None:
    told = deploy(workflow_run())
    assert (told.service, told.version, told.environment) == ("cart", "v1.4.2", "prod")
    assert (told.at, told.commit) == (AT, COMMIT)
    assert told.url == "https://github.com/shop/cart/actions/runs/289782451"


def test_a_run_and_a_pipeline_tell_when_their_commit_was_made() -> None:
    made = datetime(2026, 11, 19, 7, tzinfo=UTC)
    head = {"id": COMMIT, "timestamp": "2026-11-19T08:00:00+01:00"}
    assert deploy(workflow_run(workflow_run__head_commit=head)).committed_at == made
    assert deploy(pipeline(commit=head)).committed_at == made
    assert deploy(pipeline(commit=head | {"id": "0" * 40})).committed_at is None
    assert [deploy(told).committed_at for told in (workflow_run(), pipeline(), release())] == [None] * 3


def test_a_published_release_is_a_deployment_of_its_tag() -> None:
    told = deploy(release())
    assert (told.service, told.version, told.environment) == ("cart", "v1.4.2", "prod")
    assert (told.at, told.commit) == (AT, "")
    assert deploy(release(release__target_commitish=COMMIT)).commit == COMMIT


def test_a_pipeline_names_service_version_environment_and_commit() -> None:
    told = deploy(pipeline())
    assert (told.service, told.version, told.environment) == ("cart", "f95f852b", "prod")
    assert (told.at, told.commit) == (AT, COMMIT)
    assert told.url == "https://gitlab.example/shop/cart/-/pipelines/31"


def test_a_pipeline_of_a_tag_deploys_that_version() -> None:
    told = deploy(pipeline(object_attributes__tag=True, object_attributes__ref="v1.4.2"))
    assert (told.version, told.environment) == ("v1.4.2", "prod")


@pytest.mark.parametrize(
    ("read", "setting"),
    [
        (workflow_run, "SUTURE_GITHUB_WORKFLOWS"),
        (release, "SUTURE_GITHUB_RELEASES"),
        (pipeline, "SUTURE_GITLAB_PIPELINES"),
    ],
)
def test_nothing_counts_as_a_deployment_unless_its_setting_names_it(
    read: Callable[[DeployingRuns], Told], setting: str
) -> None:
    assert setting in why_not(read(DeployingRuns()))
    other = DeployingRuns(
        workflows={"other/cart:deploy.yml": PROD},
        releases={"other/cart": PROD},
        pipelines={"other/cart": PROD},
    )
    assert setting in why_not(read(other))


@pytest.mark.parametrize(
    "changes",
    [
        {"workflow_run__path": ".github/workflows/deploy.yml@refs/heads/main"},
        {"workflow_run__path": None},
        {"workflow_run__path": "cd.yml", "workflow__name": "deploy.yml"},
    ],
)
def test_a_workflow_is_known_by_its_file_or_its_name(changes: dict[str, Any]) -> None:
    assert deploy(workflow_run(**changes)).environment == "prod"


def test_a_workflow_that_is_named_without_a_repository_deploys_from_any() -> None:
    changes: dict[str, Any] = {
        "workflow_run__path": ".github/workflows/x.yml",
        "workflow__name": "Deploy to staging",
    }
    assert deploy(workflow_run(**changes)).environment == "staging"
    elsewhere: dict[str, Any] = {
        "repository__full_name": "shop/pay",
        "workflow_run__head_repository": {"full_name": "shop/pay"},
    }
    assert deploy(workflow_run(**changes, **elsewhere)).service == "pay"


@pytest.mark.parametrize(
    ("branch", "event", "version"),
    [
        ("v1.4.2", "push", "v1.4.2"),
        ("stable", "release", "stable"),
        ("main", "push", COMMIT),
        ("production", "workflow_dispatch", COMMIT),
        ("release/1.4", "push", COMMIT),
        ("", "schedule", COMMIT),
        (None, "release", COMMIT),
        ("1" * 201, "push", COMMIT),
    ],
)
def test_a_run_of_a_branch_deploys_its_commit(branch: str | None, event: str, version: str) -> None:
    told = workflow_run(workflow_run__head_branch=branch, workflow_run__event=event)
    assert deploy(told).version == version


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "requested"},
        {"action": "in_progress"},
        {"workflow_run__conclusion": "failure"},
        {"workflow_run__conclusion": "skipped"},
        {"workflow_run__conclusion": None},
        {"workflow_run__path": ".github/workflows/test.yml"},
        {"workflow_run__event": "pull_request"},
        {"workflow_run__event": "pull_request_target"},
        {"workflow_run__event": "merge_group"},
        {"workflow_run__head_repository": {"full_name": "stranger/cart"}},
    ],
)
def test_a_run_that_did_not_deploy_what_is_merged_begins_no_release(changes: dict[str, Any]) -> None:
    assert why_not(workflow_run(**changes))


@pytest.mark.parametrize("action", ["created", "edited", "released", "prereleased", "unpublished", "deleted"])
def test_only_the_publishing_of_a_release_begins_one(action: str) -> None:
    assert why_not(release(action=action))


def test_a_draft_is_not_deployed() -> None:
    assert "draft" in why_not(release(release__draft=True))


def test_a_prerelease_is_deployed_only_where_the_setting_says_where() -> None:
    assert "pre-releases" in why_not(release(release__prerelease=True))
    runs = DeployingRuns(releases={"shop/cart@prerelease": STAGING})
    assert deploy(release(runs, release__prerelease=True)).environment == "staging"
    assert why_not(release(runs))


@pytest.mark.parametrize("status", ["pending", "running", "failed", "canceled", "skipped", "manual"])
def test_only_a_pipeline_that_came_through_begins_a_release(status: str) -> None:
    assert why_not(pipeline(object_attributes__status=status))


@pytest.mark.parametrize(
    "source", ["merge_request_event", "external_pull_request_event", "parent_pipeline", "external", "webide"]
)
def test_a_pipeline_of_what_is_not_merged_or_of_a_status_begins_no_release(source: str) -> None:
    assert why_not(pipeline(object_attributes__source=source))


def test_a_pipeline_of_another_branch_deploys_only_where_the_setting_names_the_branch() -> None:
    assert deploy(pipeline(object_attributes__ref="develop")).environment == "staging"
    assert why_not(pipeline(object_attributes__ref="topic"))
    both = DeployingRuns(pipelines={"shop/cart": PROD, "shop/cart@main": STAGING})
    assert deploy(pipeline(both)).environment == "staging"


@pytest.mark.parametrize("status", ["manual", "skipped", "failed", "canceled", "created"])
def test_a_pipeline_whose_job_has_not_deployed_begins_no_release(status: str) -> None:
    assert why_not(pipeline(builds=[job(status=status)]))


def test_a_pipeline_that_deployed_elsewhere_begins_no_release() -> None:
    assert why_not(pipeline(builds=[job(environment=place("staging"))]))
    assert why_not(pipeline(builds=[job(environment=place("review/topic"))]))


@pytest.mark.parametrize("action", ["stop", "prepare", "verify", "access"])
def test_a_job_that_only_names_an_environment_deploys_nothing_there(action: str) -> None:
    told = deploy(pipeline(builds=[job(environment=place("review/topic", action))]))
    assert (told.environment, told.deployment) == ("prod", "pipeline 31")


def test_a_release_began_when_the_job_that_deploys_did() -> None:
    told = deploy(pipeline(builds=[job(380), job(381, environment=place("staging"))]))
    assert (told.at, told.deployment) == (datetime(2026, 11, 20, 13, 58, tzinfo=UTC), "pipeline 31 job 380")
    assert deploy(pipeline(builds=[job(started_at=None)])).at == AT


def test_of_several_jobs_the_one_that_began_last_is_the_deployment() -> None:
    later = job(379, started_at="2026-11-20 13:59:00 UTC")
    for builds in ([job(380), later], [later, job(380)]):
        assert deploy(pipeline(builds=builds)).deployment == "pipeline 31 job 379"


def test_the_environment_of_a_job_is_read_by_the_names_of_the_settings() -> None:
    builds = [job(environment=place("production"))]
    assert why_not(pipeline(builds=builds))
    names = WebhookNames(services={"shop/cart": "basket"}, environments={"production": "prod"})
    told = deploy(pipeline(names=names, builds=builds))
    assert (told.service, told.environment) == ("basket", "prod")


def ids(*told: Told) -> set[str]:
    found = set()
    for one in told:
        started = read_deploy(told_event(deploy(one)))
        assert started is not None
        found.add(f"{started.release.event} {started.release.id}")
    return found


def test_what_is_told_twice_is_one_release() -> None:
    later = "2026-11-20T14:09:00Z"
    assert len(ids(workflow_run(), workflow_run(workflow_run__updated_at=later))) == 1
    assert len(ids(release(), release(release__published_at=later))) == 1
    assert len(ids(pipeline(), pipeline(object_attributes__finished_at=later))) == 1
    again = pipeline(builds=[job()], object_attributes__finished_at=later)
    assert len(ids(pipeline(builds=[job()]), again)) == 1


def test_what_is_run_again_is_another_release() -> None:
    assert len(ids(workflow_run(), workflow_run(workflow_run__run_attempt=2))) == 2
    assert len(ids(pipeline(builds=[job(381)]), pipeline(builds=[job(382)]))) == 2


def test_the_same_number_in_another_place_or_of_another_kind_is_another_release() -> None:
    told = (
        workflow_run(workflow_run__id=1),
        workflow_run(workflow_run__id=1, repository__html_url="https://github.other.example/shop/cart"),
        release(release__id=1),
        pipeline(object_attributes__id=1),
        pipeline(object_attributes__id=1, project__web_url="https://github.com/shop/cart"),
    )
    assert len(ids(*told)) == 5


@pytest.mark.parametrize("told", [workflow_run(), release(), pipeline()], ids=["run", "release", "pipeline"])
def test_what_stands_for_a_deployment_has_no_number_that_a_forge_would_take_for_one(told: Told) -> None:
    started = read_deploy(told_event(deploy(told)))
    assert started is not None
    assert started.release.repository == deploy(told).source
    assert not started.release.deployment.isdecimal()


@pytest.mark.parametrize(
    ("read", "changes"),
    [
        (workflow_run, {"workflow_run__head_sha": ""}),
        (workflow_run, {"workflow_run__run_attempt": None}),
        (workflow_run, {"workflow_run__updated_at": "secret"}),
        (workflow_run, {"workflow_run__head_branch": "secret\n"}),
        (release, {"release__tag_name": "secret\n"}),
        (release, {"release__draft": "secret"}),
        (release, {"release__published_at": None}),
        (pipeline, {"object_attributes__sha": "secret"}),
        (pipeline, {"object_attributes__tag": "secret"}),
        (pipeline, {"object_attributes__finished_at": "2026-02-30 14:00:00 UTC"}),
        (pipeline, {"builds": "secret"}),
        (pipeline, {"builds": ["secret"]}),
        (pipeline, {"builds": [{"id": 1}] * 10_001}),
        (pipeline, {"builds": [job(status=None)]}),
        (pipeline, {"builds": [job(started_at="secret")]}),
    ],
)
def test_what_is_not_as_the_vendor_writes_it_is_refused_and_not_repeated(
    read: Callable[..., Told], changes: dict[str, Any]
) -> None:
    with pytest.raises(SchemaError) as refused:
        read(**changes)
    assert "secret" not in str(refused.value)


def test_every_official_example_of_a_completed_run_is_read(contracts: Callable[[str], Path]) -> None:
    examples = sorted((contracts("github") / "examples" / "workflow_run").glob("*.json"))
    runs = DeployingRuns(workflows={"octo-org/octo-repo:test.yml": PROD})
    told = {path.name: read_github("workflow_run", path.read_bytes(), NAMES, runs) for path in examples}
    assert len(told) == 4
    for name, one in told.items():
        assert isinstance(one, ToldDeploy) == name.startswith("completed")
    first = deploy(told["completed.payload.json"])
    # The example ran of `master`, the default branch: no version.
    assert first.version == first.commit == "3484a3fb816e0859fd6e1cea078d76385ff50625"
    assert (first.service, first.deployment) == ("octo-repo", "run 289782451 attempt 1")


def test_the_fields_that_are_read_of_a_run_are_those_that_github_promises(
    contracts: Callable[[str], Path],
) -> None:
    schemas = contracts("github") / "schemas" / "common"
    run = json.loads((schemas / "workflow-run.schema.json").read_text(encoding="utf-8"))
    assert set(WORKFLOW_RUN["workflow_run"]) <= set(run["required"])
    workflow = json.loads((schemas / "workflow.schema.json").read_text(encoding="utf-8"))
    assert set(WORKFLOW_RUN["workflow"]) <= set(workflow["required"])


READERS: list[tuple[Callable[[bytes], Told], dict[str, Any]]] = [
    (lambda content: read_github("workflow_run", content, NAMES, RUNS), WORKFLOW_RUN),
    (lambda content: read_github("release", content, NAMES, RUNS), RELEASE),
    (lambda content: read_gitlab(content, NAMES, RUNS), PIPELINE | {"builds": [job()]}),
]
each_reader = pytest.mark.parametrize(("read", "message"), READERS, ids=["run", "release", "pipeline"])
# Drawing is slow on a machine that has much else to do.
patiently = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])


@each_reader
@patiently
@given(data=st.data())
def test_a_bent_delivery_is_read_or_refused_and_breaks_nothing(
    read: Callable[[bytes], Told], message: dict[str, Any], data: st.DataObject
) -> None:
    settle(read, data.draw(bent(message)))


@each_reader
@patiently
@given(data=st.data())
def test_a_delivery_that_was_cut_off_is_refused(
    read: Callable[[bytes], Told], message: dict[str, Any], data: st.DataObject
) -> None:
    whole = json.dumps(message).encode()
    with pytest.raises(SchemaError):
        read(whole[: data.draw(st.integers(0, len(whole) - 1))])


@patiently
@given(ref=st.text(max_size=30), event=st.sampled_from(["push", "release", "schedule", "workflow_dispatch"]))
def test_the_version_of_a_run_is_its_commit_or_what_it_ran_of_and_never_the_default_branch(
    ref: str, event: str
) -> None:
    with suppress(SchemaError):
        told = deploy(workflow_run(workflow_run__head_branch=ref, workflow_run__event=event))
        assert told.version in (COMMIT, ref.strip())
        assert told.version != "main" or event == "release"
