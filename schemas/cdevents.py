"""CDEvents that start a release: read in every generation seen in the field, written in the newest.

Versions 0.4 and 0.5 differ in more than the type's number (`subject.type` was required and is now
forbidden, `context.version` became `context.specversion`), and each schema fixes its own exact type. So
the type is routed on by subject and predicate, what is needed is read, and nothing is validated first.

Source: cdevents.dev, specification v0.5.1, continuous deployment events; v0.4.1 likewise.
"""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

from schemas.cloudevents import CloudEvent, read_instant
from schemas.codec import digest, from_python
from schemas.errors import SchemaError
from schemas.foreign_json import Json, require_object
from schemas.instants import require_aware, to_ms
from schemas.keys import NO_TEMPLATE, EnvironmentName, ServiceName, TemplateHash, derived_id, release_id
from schemas.names import environment_name, service_name
from schemas.observations import ReleaseStarted
from schemas.otlp_values import EARLIEST_MS, LATEST_MS
from schemas.releases import LONGEST_TEAM, Release, Target

LONGEST_REASON = 500
"""Characters of a sentence that says what a release changes for good."""

_TYPE = re.compile(r"dev\.cdevents\.([a-z]+)\.([a-z]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)(-[0-9A-Za-z.-]+)?")
_DEPLOYS = (
    "dev.cdevents.service.deployed.",
    "dev.cdevents.service.upgraded.",
    "dev.cdevents.service.rolledback.",
)
_DIGEST = re.compile(r"(?:sha(?:1|224|256|384|512)|blake3|md5):[0-9A-Fa-f]+|[0-9a-f]{64}")
_TEMPLATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LONGEST_VERSION = 200


def read_deploy(event: CloudEvent) -> ReleaseStarted | None:
    """Return the release that the event starts, or None when it is about something else.

    Version: `customData.suture.version`, else the version of the purl in `artifactId`, else the purl's
    `tag`, else `customData.version`, else "": a digest is no version that telemetry could name.

    Raises:
        SchemaError: it is a deploy, and what a release needs is missing, malformed or of a major
            version that nobody knew when this was written.
    """
    if not event.type.startswith(_DEPLOYS):
        return None
    kind = _TYPE.fullmatch(event.type)
    if kind is None or kind[3] != "0":
        raise SchemaError(f"{_named(event.type)} has another version than 0.x, expected CDEvents 0.3 to 0.5")
    whole = require_object(event.data, "CDEvent")
    context = require_object(whole.get("context"), "context")
    subject = require_object(whole.get("subject"), "subject")
    content = require_object(subject.get("content"), "subject.content")
    if context.get("type") != event.type:
        raise SchemaError("context.type differs from the CloudEvent's type")

    service = service_name(_text(subject, "id", "subject.id"))
    surroundings = require_object(content.get("environment"), "subject.content.environment")
    environment = environment_name(_text(surroundings, "id", "subject.content.environment.id"))
    custom = _custom_data(whole)
    ours = require_object(custom.get("suture", {}), "customData.suture")
    version = (
        _optional(ours, "version", _LONGEST_VERSION)
        or version_of(_optional(content, "artifactId", 2048))
        or _optional(custom, "version", _LONGEST_VERSION)
    )
    event_id = _text(context, "id", "context.id")
    source = _text(context, "source", "context.source")
    return ReleaseStarted(
        release=Release(
            id=release_id(environment, service, version, source, event_id),
            environment=environment,
            service=service,
            version=version,
            started_at=_began(_text(context, "timestamp", "context.timestamp")),
            template=_template(ours, "template"),
            rollback_template=_template(ours, "rollbackTemplate"),
            target=_target(ours, environment, service),
            commit=_optional(ours, "commit", 200) or _optional(custom, "commit", 200),
            event=f"{source} {event_id}",
            chain=_optional(context, "chainId", 200),
            is_rollback=kind[2] == "rolledback",
            one_way=_optional(ours, "oneWay", LONGEST_REASON),
            repository=_optional(ours, "repository", 2048) or _forge(source, ours),
            deployment=_optional(ours, "deployment", 2048),
            team=_optional(ours, "team", LONGEST_TEAM),
            committed_at=_committed(ours),
        )
    )


def version_of(purl: str) -> str:
    """Return the version that a package URL names, or "" when it names a digest or nothing.

    Source: package-url/purl-spec, "Rules for each purl component".

    >>> version_of("pkg:oci/cart@1.4.2"), version_of("pkg:npm/%40shop/cart@2.0.0-rc%2B1?arch=any#sub")
    ('1.4.2', '2.0.0-rc+1')
    >>> version_of("pkg:oci/cart@sha256%3A0b31b1c0?tag=1.4.2&arch=amd64")
    '1.4.2'
    >>> version_of("pkg:oci/cart@sha256:0b31b1c0")
    ''
    """
    body, _, qualifiers = purl.partition("#")[0].partition("?")
    # A scope such as `@shop` sits before the last slash, also where somebody did not encode it.
    _, at, version = body.rpartition("/")[2].partition("@")
    found = unquote(version).strip() if at else ""
    # An image reference may carry both, as in `1.4.2@sha256:...`.
    readable = [part for part in found.split("@") if part and not _DIGEST.fullmatch(part)]
    if not readable:
        tags = [pair.removeprefix("tag=") for pair in qualifiers.split("&") if pair.startswith("tag=")]
        readable = [unquote(tag).strip() for tag in tags]
    version = readable[0] if readable else ""
    return version if version.isprintable() and len(version) <= _LONGEST_VERSION else ""


def deploy_event(
    *,
    service: ServiceName,
    version: str,
    environment: EnvironmentName,
    at: datetime,
    commit: str = "",
    url: str = "",
    template: TemplateHash = NO_TEMPLATE,
    rollback_template: TemplateHash = NO_TEMPLATE,
    target: Target | None = None,
    is_upgrade: bool = False,
    source: str = "/suture/ci",
    chain: str = "",
    one_way: str = "",
    deployment: str = "",
    artifact: str = "",
    repository: str = "",
    team: str = "",
    committed_at: datetime | None = None,
) -> CloudEvent:
    """Return a CDEvents v0.5.1 `service.deployed` (or `.upgraded`): the same arguments give the same event.

    Args:
        service: What was deployed.
        version: What telemetry will name in `service.version`.
        environment: Where to.
        at: When the deploy began.
        commit: Revision of the source, or "".
        url: Where the deploy can be looked at, such as the CI job; or "".
        template: Hash of the pod template that runs this version, or "".
        rollback_template: Hash to go back to, or "".
        target: What runs the service, or None to leave it to the policy.
        is_upgrade: An older version ran before.
        source: Who says so, a URI reference.
        chain: Chain of events that this one belongs to, or "".
        one_way: What going back does not take back, such as a migration, as a sentence; or "".
        deployment: What the source knows the deployment by. The event's id is then derived of source and
            deployment alone, so that it is the same event whenever it is told of, and of whatever
            state. "" where nothing but the arguments tells two deploys apart.
        artifact: What was deployed, as a package URL; "" for one that is made of service and version.
        repository: Address of the repository that the commit is of; "" for the source, where that is one.
        team: Who owns the service, or "" to leave it to the policy.
        committed_at: When the newest commit of the version was made; None when unknown.

    Raises:
        SchemaError: a name cannot be one, or the version is empty.
        ValueError: `at` or `committed_at` has no time zone.
    """
    if not version.strip():
        raise SchemaError("version is empty, expected what service.version will say")
    service, environment = service_name(service), environment_name(environment)
    instant = require_aware("at", at).astimezone(UTC)
    timestamp = _written(instant)
    predicate = "upgraded" if is_upgrade else "deployed"
    ours: dict[str, Any] = {"version": version, "commit": commit, "template": template}
    ours["rollbackTemplate"] = rollback_template
    if one_way:
        # Left out of an event that says nothing: those that were sent before keep their ids.
        ours["oneWay"] = one_way
    if deployment:
        ours["deployment"] = deployment
    if repository:
        ours["repository"] = repository
    if team:
        ours["team"] = team
    if committed_at is not None:
        ours["committedAt"] = _written(require_aware("committed_at", committed_at))
    if target is not None:
        ours["target"] = {
            "kind": target.kind.value,
            "cluster": target.cluster,
            "namespace": target.namespace,
            "workload": target.workload,
        }
    told = {"version": version, "commit": commit, "url": url}
    if artifact:
        told["artifact"] = artifact
    told_id = derived_id("told deploy", source, deployment) if deployment else ""
    event_id = told_id or derived_id(
        "deploy", predicate, service, environment, timestamp, source, chain, digest([told, ours], list[Any])
    )
    context: dict[str, Any] = {
        "specversion": "0.5.1",
        "id": event_id,
        "source": source,
        "type": f"dev.cdevents.service.{predicate}.0.3.0",
        "timestamp": timestamp,
    }
    if chain:
        context["chainId"] = chain
    cdevent = {
        "context": context,
        "subject": {
            "id": service,
            "source": source,
            "content": {
                "environment": {"id": environment},
                "artifactId": artifact or f"pkg:generic/{quote(service, safe='')}@{quote(version, safe='')}",
            },
        },
        "customData": {
            **{name: text for name, text in told.items() if text},
            "suture": {name: value for name, value in ours.items() if value},
        },
        "customDataContentType": "application/json",
    }
    return CloudEvent(
        id=event_id, source=source, type=context["type"], time=instant, subject=service, data=cdevent
    )


def _custom_data(whole: dict[str, Json]) -> dict[str, Json]:
    """Return the event's custom data; what is not a JSON object is somebody else's business."""
    custom = whole.get("customData")
    return custom if isinstance(custom, dict) else {}


def _forge(source: str, ours: dict[str, Json]) -> str:
    """Return a source that is a repository's address, as it is where a forge told of its deployment."""
    return source if "deployment" in ours and source.startswith(("https://", "http://")) else ""


def _target(ours: dict[str, Json], environment: EnvironmentName, service: ServiceName) -> Target | None:
    given = ours.get("target")
    if given is None:
        return None
    usual: dict[str, Any] = {
        "kind": "deployment",
        "cluster": "default",
        "namespace": environment,
        "workload": service,
    }
    return from_python(Target, usual | require_object(given, "customData.suture.target"))


def _began(timestamp: str) -> datetime:
    """Return when the deploy began, refusing a time that nobody meant, such as the epoch."""
    instant = read_instant("context.timestamp", timestamp)
    if not EARLIEST_MS <= to_ms(instant) < LATEST_MS:
        raise SchemaError("context.timestamp is absurd, expected an instant from 2000 on")
    return instant


def _committed(ours: dict[str, Json]) -> datetime | None:
    """Return when the commit was made; a clock that is years off is no reason to lose the deploy."""
    text = _optional(ours, "committedAt", 64)
    if not text:
        return None
    instant = read_instant("customData.suture.committedAt", text)
    return instant if EARLIEST_MS <= to_ms(instant) < LATEST_MS else None


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _template(ours: dict[str, Json], name: str) -> TemplateHash:
    text = _optional(ours, name, 128)
    if text and not _TEMPLATE.fullmatch(text):
        raise SchemaError(f"customData.suture.{name} is not a template hash, expected letters and digits")
    return TemplateHash(text) if text else NO_TEMPLATE


def _text(values: dict[str, Json], key: str, where: str) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not value:
        raise SchemaError(f"{where} is missing, expected a string that is not empty")
    if not value.isprintable() or len(value) > 2048:
        raise SchemaError(f"{where} is too long or holds a control character")
    return value


def _optional(values: dict[str, Json], key: str, longest: int) -> str:
    value = values.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise SchemaError(f"{key} is not a printable string of at most {longest} characters")
    return value.strip()


def _named(event_type: str) -> str:
    return next(prefix.rstrip(".") for prefix in _DEPLOYS if event_type.startswith(prefix))
