"""CDEvents of both generations in the field, held against the official schemas and examples."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from schemas.cdevents import deploy_event, read_deploy, version_of
from schemas.cloudevents import CloudEvent, read_record, write_record
from schemas.codec import from_json, to_json
from schemas.errors import SchemaError
from schemas.keys import EnvironmentName, ServiceName, TemplateHash
from schemas.observations import ReleaseStarted
from schemas.releases import Target, TargetKind

AT = datetime(2026, 11, 20, 14, 0, 5, 123456, tzinfo=UTC)
TARGET = Target(kind=TargetKind.PROCESSES, cluster="here", namespace="demo", workload="cart")


def full_event(**changes: Any) -> CloudEvent:
    arguments: dict[str, Any] = {
        "service": ServiceName("cart"),
        "version": "1.4.2",
        "environment": EnvironmentName("prod"),
        "at": AT,
        "commit": "234fd47e",
        "url": "https://ci.example/jobs/7",
        "template": TemplateHash("5d9c7b"),
        "rollback_template": TemplateHash("6c8d9f"),
        "target": TARGET,
        "chain": "c-1",
    }
    return deploy_event(**(arguments | changes))


def test_what_a_release_changes_for_good_travels_with_its_event() -> None:
    started = read_deploy(full_event(one_way="drops the table of carts"))
    assert started is not None
    assert started.release.one_way == "drops the table of carts"
    usual = read_deploy(full_event())
    assert usual is not None
    assert usual.release.one_way == ""


def test_a_reason_that_is_a_payload_is_refused() -> None:
    with pytest.raises(SchemaError, match="oneWay"):
        read_deploy(full_event(one_way="x" * 501))


def cdevent(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "context": {
            "specversion": "0.5.1",
            "id": "1",
            "source": "/ci",
            "type": "dev.cdevents.service.deployed.0.3.0",
            "timestamp": "2026-11-20T14:00:05Z",
        },
        "subject": {
            "id": "cart",
            "content": {"environment": {"id": "prod"}, "artifactId": "pkg:oci/cart@1.4.2"},
        },
    }
    return whole | changes


def read(whole: dict[str, Any]) -> ReleaseStarted | None:
    return read_deploy(read_record(json.dumps(whole).encode()))


@pytest.mark.parametrize("generation", ["cdevents", "cdevents/v0.4.1"])
def test_every_official_example_is_a_release_or_not_for_us(
    contracts: Callable[[str], Path], generation: str
) -> None:
    files = sorted((contracts(generation) / "conformance").glob("*.json"))
    releases = {}
    for file in files:
        started = read_deploy(read_record(file.read_bytes()))
        if started is not None:
            releases[file.stem] = started.release
    assert len(files) == 45
    assert sorted(releases) == ["service_deployed", "service_rolledback", "service_upgraded"]
    assert [releases[name].is_rollback for name in sorted(releases)] == [False, True, False]
    assert {(found.service, found.environment, found.version) for found in releases.values()} == {
        ("mySubject123", "test123", "")
    }
    assert {found.chain for found in releases.values()} == {"4c8cb7dd-3448-41de-8768-eec704e2829b"}


def test_both_generations_of_one_event_give_the_same_release(
    read_contract: Callable[[str, str], Any],
) -> None:
    new, old = (
        read(read_contract(folder, "conformance/service_deployed.json"))
        for folder in ("cdevents", "cdevents/v0.4.1")
    )
    assert new == old


@pytest.mark.parametrize(
    "event", [full_event(), full_event(is_upgrade=True, target=None, commit="", chain="")]
)
def test_a_built_event_is_valid_under_the_official_schema(
    contracts: Callable[[str], Path], event: CloudEvent
) -> None:
    schemas = {
        schema["$id"]: schema
        for file in sorted((contracts("cdevents") / "schemas").rglob("*.json"))
        for schema in [json.loads(file.read_text(encoding="utf-8"))]
    }
    registry: Registry[Any] = Registry().with_resources(
        (name, Resource.from_contents(schema)) for name, schema in schemas.items()
    )
    kind = event.type.split(".")[3]
    validator = Draft202012Validator(
        schemas[f"https://cdevents.dev/0.5.1/schema/service-{kind}-event"], registry=registry
    )
    validator.validate(event.data)


def test_a_built_event_says_all_of_it_to_the_reader() -> None:
    started = read_deploy(read_record(*write_record(full_event())))
    assert started is not None
    release = started.release
    assert (release.service, release.environment, release.version) == ("cart", "prod", "1.4.2")
    assert (release.template, release.rollback_template) == ("5d9c7b", "6c8d9f")
    assert (release.target, release.commit, release.chain) == (TARGET, "234fd47e", "c-1")
    assert release.started_at == AT
    assert from_json(ReleaseStarted, to_json(started)) == started


def test_the_team_and_the_commits_time_travel_with_the_event() -> None:
    committed = AT - timedelta(hours=30)
    event = full_event(team="checkout", committed_at=committed)
    started = read_deploy(read_record(*write_record(event)))
    assert started is not None
    assert (started.release.team, started.release.committed_at) == ("checkout", committed)
    usual = read_deploy(full_event())
    assert usual is not None
    assert (usual.release.team, usual.release.committed_at) == ("", None)


def test_an_event_that_names_no_team_keeps_the_id_that_it_always_had() -> None:
    assert full_event(team="", committed_at=None) == full_event()
    assert len({full_event(team=name).id for name in ("", "checkout", "search")}) == 3


def test_a_commit_of_a_clock_that_is_years_off_is_as_good_as_unknown() -> None:
    started = read_deploy(full_event(committed_at=datetime(1970, 1, 1, tzinfo=UTC)))
    assert started is not None
    assert started.release.committed_at is None


def test_the_same_deploy_is_the_same_event_and_another_is_another() -> None:
    assert full_event() == full_event()
    others = [
        full_event(version="1.4.3"),
        full_event(template=TemplateHash("x1")),
        full_event(at=AT.replace(microsecond=1)),
        full_event(is_upgrade=True),
        full_event(target=None),
        full_event(commit=""),
    ]
    assert len({event.id for event in [full_event(), *others]}) == 1 + len(others)


@pytest.mark.parametrize(
    ("purl", "version"),
    [
        ("pkg:oci/cart@1.4.2", "1.4.2"),
        ("pkg:oci/cart@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427", ""),
        ("pkg:oci/cart@sha256:0b31b1c0?repository_url=ghcr.io/shop&tag=1.4.2", "1.4.2"),
        ("pkg:docker/shop/cart@1.4.2%40sha256%3A0b31b1c0", "1.4.2"),
        ("pkg:npm/@shop/cart", ""),
        ("pkg:npm/%40shop/cart@1.0.0%2Bbuild.5", "1.0.0+build.5"),
        ("pkg:golang/google.golang.org/genproto@v0.0.0-2018#googleapis/api", "v0.0.0-2018"),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_a_purl_gives_its_version_and_never_a_digest(purl: str, version: str) -> None:
    assert version_of(purl) == version


def test_custom_data_names_the_version_that_the_purl_does_not() -> None:
    whole = cdevent(customData={"version": "1.5.0", "commit": "abc"})
    whole["subject"]["content"]["artifactId"] = "pkg:oci/cart@sha256:0b31b1c0"
    started = read(whole)
    assert started is not None
    assert (started.release.version, started.release.commit) == ("1.5.0", "abc")


def test_a_target_that_names_a_part_is_filled_with_what_is_usual() -> None:
    started = read(cdevent(customData={"suture": {"target": {"workload": "cart-web"}}}))
    assert started is not None
    assert started.release.target == Target(
        kind=TargetKind.DEPLOYMENT, cluster="default", namespace="prod", workload="cart-web"
    )


@pytest.mark.parametrize(
    ("type_", "is_read"),
    [
        ("dev.cdevents.service.deployed.0.1.0", True),
        ("dev.cdevents.service.deployed.0.9.1-draft", True),
        ("dev.cdevents.service.published.0.3.0", False),
        ("dev.cdevents.service.removed.9.0.0", False),
        ("dev.cdeventsx.service.deployed.0.3.0", False),
        ("com.example.deploy", False),
    ],
)
def test_the_type_decides_by_subject_and_predicate(type_: str, is_read: bool) -> None:
    whole = cdevent()
    whole["context"]["type"] = type_
    assert (read(whole) is not None) is is_read


@pytest.mark.parametrize("version", ["1.0.0", "x", "0.3", ""])
def test_a_deploy_of_an_unknown_major_version_is_refused(version: str) -> None:
    whole = cdevent()
    whole["context"]["type"] = f"dev.cdevents.service.deployed.{version}"
    with pytest.raises(SchemaError, match=r"another version than 0\.x"):
        read(whole)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("subject",), None, "subject"),
        (("subject", "id"), "", "subject.id"),
        (("subject", "id"), "a/b", "slash"),
        (("subject", "content"), [], "subject.content"),
        (("subject", "content", "environment"), None, "environment"),
        (("subject", "content", "environment", "id"), "prod/eu", "slash"),
        (("context", "timestamp"), "yesterday", "timestamp"),
        (("customData",), {"suture": 1}, "customData.suture"),
        (("customData",), {"suture": {"template": "a b"}}, "template hash"),
        (("customData",), {"suture": {"target": {"kind": "mainframe"}}}, "Target"),
        (("customData",), {"suture": {"version": 3}}, "version"),
    ],
)
def test_a_deploy_without_what_a_release_needs_is_refused(
    path: tuple[str, ...], value: Any, reason: str
) -> None:
    whole = cdevent()
    holder = whole
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    event = CloudEvent(id="1", source="/ci", type="dev.cdevents.service.deployed.0.3.0", data=whole)
    with pytest.raises(SchemaError, match=reason):
        read_deploy(event)


def test_an_envelope_that_contradicts_its_content_is_refused() -> None:
    event = CloudEvent(id="1", source="/ci", type="dev.cdevents.service.upgraded.0.3.0", data=cdevent())
    with pytest.raises(SchemaError, match="differs"):
        read_deploy(event)


VERSION = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=40)


@given(VERSION, VERSION.filter(lambda name: "/" not in name))
def test_every_version_and_service_name_survives_the_event(version: str, service: str) -> None:
    started = read_deploy(full_event(version=version, service=ServiceName(service)))
    assert started is not None
    assert (started.release.version, started.release.service) == (version, service)


def test_a_pipeline_may_name_the_repository_and_no_other_source_is_taken_for_one() -> None:
    named = read_deploy(full_event(repository="https://github.com/shop/cart"))
    assert named is not None
    assert named.release.repository == "https://github.com/shop/cart"
    usual = read_deploy(full_event())
    assert usual is not None
    assert usual.release.repository == ""


def test_a_repository_changes_the_id_of_no_event_that_names_none() -> None:
    assert full_event().id == full_event(repository="").id != full_event(repository="https://x.example").id
