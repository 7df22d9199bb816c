"""Vendors' webhooks: the official examples are read, what is no deploy is left alone, nonsense is refused."""

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.argocd_deploys import read_argo_cd
from schemas.cdevents import read_deploy
from schemas.errors import SchemaError
from schemas.github_deploys import read_github
from schemas.gitlab_deploys import read_gitlab
from schemas.webhook_deploys import NoDeploy, Told, ToldDeploy, WebhookNames, told_event
from tests.schemas.bent_deliveries import bent, json_values, settle

NAMES = WebhookNames()

GITHUB: dict[str, Any] = {
    "action": "created",
    "deployment_status": {
        "state": "success",
        "environment": "production",
        "created_at": "2026-11-20T14:00:00Z",
        "log_url": "https://github.com/shop/cart/runs/1",
    },
    "deployment": {
        "id": 145988746,
        "task": "deploy",
        "sha": "f95f852bd8fca8fcc58a9a2d6c842781e32a215e",
        "ref": "v1.4.2",
        "payload": {},
    },
    "repository": {
        "full_name": "shop/cart",
        "html_url": "https://github.com/shop/cart",
        "default_branch": "main",
    },
}
GITLAB: dict[str, Any] = {
    "object_kind": "deployment",
    "status": "running",
    "status_changed_at": "2026-11-20 16:00:00 +0200",
    "deployment_id": 15,
    "deployable_url": "https://gitlab.example/shop/cart/-/jobs/796",
    "environment": "production",
    "project": {"path_with_namespace": "shop/cart", "web_url": "https://gitlab.example/shop/cart"},
    "short_sha": "279484c0",
    "commit_url": "https://gitlab.example/shop/cart/-/commit/279484c09fbe69ededfced8c1bb6e6d24616b468",
}
ARGO_CD: dict[str, Any] = {
    "application": "cart",
    "namespace": "argocd",
    "uid": "0d6e9a6c-4f0e-4a64-9a33-6b7ee6b0c9a1",
    "destinationNamespace": "prod",
    "revision": "279484c09fbe69ededfced8c1bb6e6d24616b468",
    "images": ["registry:5000/shop/cart:1.4.2", "envoyproxy/envoy:v1.30"],
    "phase": "Succeeded",
    "health": "Healthy",
    "startedAt": "2026-11-20T14:00:00Z",
}
AT = datetime(2026, 11, 20, 14, tzinfo=UTC)


def github(names: WebhookNames = NAMES, *, event: str = "deployment_status", **changes: Any) -> Told:
    """Read GitHub's delivery with changes at paths such as `deployment__ref`."""
    return read_github(event, body(GITHUB, changes), names)


def gitlab(names: WebhookNames = NAMES, **changes: Any) -> Told:
    return read_gitlab(body(GITLAB, changes), names)


def argo_cd(names: WebhookNames = NAMES, **changes: Any) -> Told:
    return read_argo_cd(body(ARGO_CD, changes), names)


def body(message: dict[str, Any], changes: dict[str, Any]) -> bytes:
    changed = deepcopy(message)
    for path, value in changes.items():
        *parents, name = path.split("__")
        inner = changed
        for parent in parents:
            inner = inner[parent]
        inner[name] = value
    return json.dumps(changed).encode()


def deploy(told: Told) -> ToldDeploy:
    assert isinstance(told, ToldDeploy)
    return told


def why_not(told: Told) -> str:
    assert isinstance(told, NoDeploy)
    return told.why


def test_a_vendor_tells_of_the_team_and_of_the_commits_time_where_it_can() -> None:
    said = {"team": "checkout", "committed_at": "2026-11-19T08:00:00+01:00"}
    known = [
        deploy(github(deployment__payload=said)),
        deploy(argo_cd(team="checkout", committedAt="2026-11-19 08:00:00 +0100")),
    ]
    assert [(told.team, told.committed_at) for told in known] == [
        ("checkout", datetime(2026, 11, 19, 7, tzinfo=UTC))
    ] * 2
    for told in (deploy(github()), deploy(gitlab()), deploy(argo_cd())):
        assert (told.team, told.committed_at) == ("", None)


@pytest.mark.parametrize("nonsense", ["yesterday", 7, None, {"at": 1}, "2026-02-30T00:00:00Z"])
def test_a_commits_time_that_is_none_loses_no_deployment(nonsense: Any) -> None:
    assert deploy(argo_cd(committedAt=nonsense, team="\n")).committed_at is None


def test_a_deployment_status_of_github_names_service_version_environment_and_commit() -> None:
    told = deploy(github())
    assert (told.service, told.version, told.environment) == ("cart", "v1.4.2", "production")
    assert (told.at, told.commit) == (AT, "f95f852bd8fca8fcc58a9a2d6c842781e32a215e")
    assert told.url == "https://github.com/shop/cart/runs/1"


@pytest.mark.parametrize(
    "said", [{"service": "basket", "version": "7"}, '{"service":"basket","version":"7"}']
)
def test_what_the_payload_of_a_deployment_says_goes_first(said: object) -> None:
    told = deploy(github(deployment__payload=said))
    assert (told.service, told.version) == ("basket", "7")


@pytest.mark.parametrize("said", ["free text", None, [1], {"version": 3, "service": {}}, "[]", "\x00"])
def test_a_payload_that_says_nothing_to_us_is_no_mistake(said: object) -> None:
    told = deploy(github(deployment__payload=said))
    assert (told.service, told.version) == ("cart", "v1.4.2")


@pytest.mark.parametrize(
    ("ref", "version"),
    [
        ("v1.4.2", "v1.4.2"),
        ("refs/tags/1.4.2", "1.4.2"),
        ("main", "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"),
        ("refs/heads/topic", "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"),
    ],
)
def test_a_branch_is_no_version(ref: str, version: str) -> None:
    assert deploy(github(deployment__ref=ref)).version == version


@pytest.mark.parametrize(
    "state", ["queued", "pending", "waiting", "failure", "error", "inactive", "something new"]
)
def test_only_a_deployment_of_github_that_runs_or_came_through_begins_a_release(state: str) -> None:
    assert state not in why_not(github(deployment_status__state=state))


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "edited"},
        {"deployment__task": "rollback"},
        {"deployment__transient_environment": True},
        {"event": "deployment"},
        {"event": "workflow_run"},
        {"event": "ping"},
        {"event": ""},
    ],
)
def test_what_is_no_deployment_of_a_service_is_left_alone(changes: dict[str, Any]) -> None:
    assert why_not(github(**changes))


def test_a_deployment_of_gitlab_names_service_version_environment_and_commit() -> None:
    told = deploy(gitlab())
    assert (told.service, told.version, told.environment) == ("cart", "279484c0", "production")
    assert (told.at, told.commit) == (AT, "279484c09fbe69ededfced8c1bb6e6d24616b468")


@pytest.mark.parametrize(
    "text", ["2026-11-20 14:00:00 UTC", "2026-11-20 06:00:00 -0800", "2026-11-20T14:00:00Z"]
)
def test_times_of_gitlab_are_read_as_ruby_prints_them(text: str) -> None:
    assert deploy(gitlab(status_changed_at=text)).at == AT


@pytest.mark.parametrize(
    "status", ["created", "failed", "canceled", "blocked", "approved", "rejected", "skipped"]
)
def test_an_approval_or_an_end_without_success_in_gitlab_begins_no_release(status: str) -> None:
    assert why_not(gitlab(status=status))


def test_other_events_of_gitlab_are_left_alone() -> None:
    assert why_not(read_gitlab(b'{"object_kind":"pipeline","object_attributes":{}}', NAMES))


def test_a_job_that_gitlab_did_not_run_has_no_address() -> None:
    assert deploy(gitlab(deployable_url=None)).url == ""


def test_a_sync_of_argo_cd_names_service_version_environment_and_revision() -> None:
    told = deploy(argo_cd())
    assert (told.service, told.version, told.environment) == ("cart", "1.4.2", "prod")
    assert (told.at, told.commit) == (AT, "279484c09fbe69ededfced8c1bb6e6d24616b468")


@pytest.mark.parametrize(
    ("images", "version"),
    [
        (["other:1.4.2"], "1.4.2"),
        (["cart:1.4.2@sha256:" + "0" * 64], "1.4.2"),
        (["cart:1.4.1", "cart:1.4.2"], "279484c09fbe69ededfced8c1bb6e6d24616b468"),
        (["one:1", "two:2"], "279484c09fbe69ededfced8c1bb6e6d24616b468"),
        (["registry:5000/cart"], "279484c09fbe69ededfced8c1bb6e6d24616b468"),
        (["cart:latest"], "279484c09fbe69ededfced8c1bb6e6d24616b468"),
        ([], "279484c09fbe69ededfced8c1bb6e6d24616b468"),
        (None, "279484c09fbe69ededfced8c1bb6e6d24616b468"),
    ],
)
def test_images_name_the_version_only_where_one_is_meant(images: list[str] | None, version: str) -> None:
    assert deploy(argo_cd(images=images)).version == version


def test_a_sync_that_names_no_version_in_any_way_is_left_alone() -> None:
    assert why_not(argo_cd(images=None, revision=None))


@pytest.mark.parametrize(
    ("phase", "health"), [("Running", "Healthy"), ("Failed", "Healthy"), ("Succeeded", "Progressing")]
)
def test_images_of_a_sync_that_is_under_way_are_not_believed(phase: str, health: str) -> None:
    assert why_not(argo_cd(phase=phase, health=health))


@pytest.mark.parametrize("phase", ["Running", "Succeeded"])
def test_a_template_that_names_the_version_may_tell_of_a_sync_that_is_under_way(phase: str) -> None:
    assert deploy(argo_cd(phase=phase, health="Progressing", version="2")).version == "2"
    assert why_not(argo_cd(phase="Error", version="2"))


def test_names_are_given_by_repository_and_environment() -> None:
    names = WebhookNames(services={"shop/cart": "basket"}, environments={"production": "prod"})
    for told in (deploy(github(names)), deploy(gitlab(names))):
        assert (told.service, told.environment) == ("basket", "prod")


def test_an_environment_that_is_not_listed_begins_no_release() -> None:
    names = WebhookNames(environments={"staging": "staging"})
    assert "SUTURE_WEBHOOK_ENVIRONMENTS" in why_not(github(names))
    assert "SUTURE_WEBHOOK_ENVIRONMENTS" in why_not(gitlab(names))
    assert "SUTURE_WEBHOOK_ENVIRONMENTS" in why_not(argo_cd(names))


def test_a_review_environment_is_left_alone_unless_it_is_given_a_name() -> None:
    assert "slash" in why_not(gitlab(environment="review/topic"))
    assert deploy(gitlab(WebhookNames(environments={"review/topic": "r"}), environment="review/topic"))


def test_one_deployment_is_one_release_whatever_state_is_told_and_when() -> None:
    later = "2026-11-20T14:09:00Z"
    told = [
        deploy(github(deployment_status__state="in_progress")),
        deploy(github(deployment_status__created_at=later)),
    ]
    first, second = (read_deploy(told_event(one)) for one in told)
    assert first is not None
    assert second is not None
    assert first.release.id == second.release.id
    assert first.release.started_at < second.release.started_at
    other = read_deploy(told_event(deploy(github(deployment__id=1))))
    assert other is not None
    assert other.release.id != first.release.id


def test_the_same_number_at_another_place_is_another_deployment() -> None:
    ids = {
        told_event(deploy(told)).id
        for told in (
            github(deployment__id=15),
            gitlab(),
            gitlab(project__web_url="https://other.example/shop/cart"),
            argo_cd(),
            argo_cd(startedAt="2026-11-20T14:00:01Z"),
        )
    }
    assert len(ids) == 5


def official_github(contracts: Callable[[str], Path]) -> list[tuple[str, bytes]]:
    found = sorted((contracts("github") / "examples").rglob("*.payload.json"))
    found += sorted((contracts("github") / "examples").rglob("payload.json"))
    return [(path.parent.name, path.read_bytes()) for path in found]


def test_every_official_example_of_github_is_read(contracts: Callable[[str], Path]) -> None:
    examples = official_github(contracts)
    told = [(event, read_github(event, content, NAMES)) for event, content in examples]
    assert len(examples) == 11
    for event, one in told:
        assert isinstance(one, ToldDeploy) == (event == "deployment_status")
    first = next(deploy(one) for event, one in told if event == "deployment_status")
    # The examples deploy `master`, the default branch: no version.
    assert (first.service, first.version) == ("Hello-World", "f95f852bd8fca8fcc58a9a2d6c842781e32a215e")


def test_the_official_example_of_gitlab_is_read(contracts: Callable[[str], Path]) -> None:
    told = deploy(read_gitlab((contracts("gitlab") / "deployment.json").read_bytes(), NAMES))
    assert (told.service, told.version, told.environment) == (
        "test-deployment-webhooks",
        "279484c0",
        "staging",
    )
    assert told.at == datetime(2021, 4, 28, 19, 50, tzinfo=UTC)


READERS: list[tuple[Callable[[bytes], Told], dict[str, Any]]] = [
    (lambda content: read_github("deployment_status", content, NAMES), GITHUB),
    (lambda content: read_gitlab(content, NAMES), GITLAB),
    (lambda content: read_argo_cd(content, NAMES), ARGO_CD),
]


@pytest.mark.parametrize(("read", "message"), READERS, ids=["github", "gitlab", "argocd"])
@given(data=st.data())
def test_a_bent_delivery_is_read_or_refused_and_breaks_nothing(
    read: Callable[[bytes], Told], message: dict[str, Any], data: st.DataObject
) -> None:
    settle(read, data.draw(bent(message)))


@pytest.mark.parametrize(("read", "message"), READERS, ids=["github", "gitlab", "argocd"])
@given(content=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_or_refused_and_break_nothing(
    read: Callable[[bytes], Told], message: dict[str, Any], content: bytes
) -> None:
    del message
    settle(read, content)


@pytest.mark.parametrize(("read", "message"), READERS, ids=["github", "gitlab", "argocd"])
@given(data=st.data())
def test_a_delivery_that_was_cut_off_is_refused(
    read: Callable[[bytes], Told], message: dict[str, Any], data: st.DataObject
) -> None:
    whole = json.dumps(message).encode()
    with pytest.raises(SchemaError):
        read(whole[: data.draw(st.integers(0, len(whole) - 1))])


@pytest.mark.parametrize(
    "changes", [{"deployment__sha": "secret\n"}, {"deployment_status__created_at": "secret"}]
)
def test_a_refusal_repeats_nothing_of_the_delivery(changes: dict[str, Any]) -> None:
    with pytest.raises(SchemaError) as refused:
        github(**changes)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("told", "repository", "deployment"),
    [
        (
            read_github("deployment_status", json.dumps(GITHUB).encode(), NAMES),
            "https://github.com/shop/cart",
            "145988746",
        ),
        (read_gitlab(json.dumps(GITLAB).encode(), NAMES), "https://gitlab.example/shop/cart", "15"),
    ],
    ids=["github", "gitlab"],
)
def test_a_release_knows_the_repository_and_the_deployment_that_its_forge_told_of(
    told: Told, repository: str, deployment: str
) -> None:
    assert isinstance(told, ToldDeploy)
    started = read_deploy(told_event(told))
    assert started is not None
    assert (started.release.repository, started.release.deployment) == (repository, deployment)


def test_what_we_said_of_a_deployment_ourselves_begins_no_release() -> None:
    ours = deepcopy(GITHUB)
    ours["deployment_status"]["description"] = "Suture: healthy: cart 1.4.2 in prod"
    told = read_github("deployment_status", json.dumps(ours).encode(), NAMES)
    assert isinstance(told, NoDeploy)
    assert "ourselves" in told.why
