"""What vendors' webhooks tell of deployments, in one form, and the deploy event that it becomes.

A vendor tells of one deployment several times: when it begins, when it ends, and again when a delivery
was lost. All of them become the same event, known by the vendor's own id of the deployment: whichever
comes first begins the release.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from schemas.cdevents import deploy_event
from schemas.cloudevents import CloudEvent
from schemas.errors import SchemaError
from schemas.foreign_json import Json, require_object
from schemas.gitlab_instants import read_gitlab_instant
from schemas.keys import EnvironmentName, ServiceName
from schemas.names import environment_name, service_name, why_not_a_name
from schemas.releases import LONGEST_TEAM

_LONGEST_TEXT = 2048
_LONGEST_VERSION = 200
_LARGEST_NUMBER = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldDeploy:
    """A deployment that a vendor told of.

    Attributes:
        source: Who tells, a URI reference.
        deployment: What the source knows the deployment by: the same again is the same deployment.
        at: When it began or, where only its end was told, ended.
        commit: Revision of the source, or "".
        url: Where the deployment can be looked at, or "".
        team: Who owns the service, or "".
        committed_at: When that commit was made; None where the vendor does not say.
    """

    source: str
    deployment: str
    service: ServiceName
    environment: EnvironmentName
    version: str
    at: datetime
    commit: str = ""
    url: str = ""
    team: str = ""
    committed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoDeploy:
    """A delivery that begins no release.

    Attributes:
        why: In words that repeat nothing of the delivery.
    """

    why: str


Told = ToldDeploy | NoDeploy


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookNames:
    """How vendors' names become those that telemetry says.

    Attributes:
        services: From a repository, project or application to `service.name`; what is not named here
            keeps the last part of its own name.
        environments: From an environment to `deployment.environment.name`; with any entry, an environment
            that is not named here begins no release, and with none each keeps its own name.
    """

    services: Mapping[str, str] = field(default_factory=dict)
    environments: Mapping[str, str] = field(default_factory=dict)

    def service(self, origin: str) -> ServiceName:
        """Return the service that a repository, project or application deploys.

        Raises:
            SchemaError: its name cannot be one.
        """
        return service_name(self.services.get(origin) or origin.rpartition("/")[2])

    def environment(self, origin: str) -> EnvironmentName | NoDeploy:
        """Return the environment, or why nothing begins there.

        A review environment such as `review/branch` has a name that no key can hold. It is no mistake of
        the sender, who might stop sending if told so.
        """
        if self.environments:
            if origin not in self.environments:
                return NoDeploy(why="environment is not one of SUTURE_WEBHOOK_ENVIRONMENTS")
            return environment_name(self.environments[origin])
        if (fault := why_not_a_name(origin.strip())) is not None:
            return NoDeploy(
                why=f"environment's name {fault}; SUTURE_WEBHOOK_ENVIRONMENTS can give it another"
            )
        return environment_name(origin)


def told_event(told: ToldDeploy) -> CloudEvent:
    """Return the CDEvent that `suture ci deploy` would publish of the deployment.

    Raises:
        SchemaError: the version is empty or a name cannot be one.
    """
    return deploy_event(
        service=told.service,
        version=told.version,
        environment=told.environment,
        at=told.at,
        commit=told.commit,
        url=told.url,
        source=told.source,
        deployment=told.deployment,
        team=told.team,
        committed_at=told.committed_at,
    )


def text_at(values: dict[str, Json], path: str) -> str:
    """Return the text at a path such as `deployment.sha`.

    Raises:
        SchemaError: there is none, or it cannot be shown or is very long.
    """
    found = optional_text_at(values, path)
    if not found.strip():
        raise SchemaError(f"{path} is missing, expected a string that is not empty")
    return found


def value_at(values: dict[str, Json], path: str) -> Json:
    """Return what is at a path, or None where nothing is, or where something on the way is no object."""
    try:
        return _at(values, path)
    except SchemaError:
        return None


def optional_text_at(values: dict[str, Json], path: str) -> str:
    """Return the text at a path, or "" where there is nothing or null.

    Raises:
        SchemaError: there is something else than a short printable text.
    """
    value = _at(values, path)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise SchemaError(f"{path} is not a printable string of at most {_LONGEST_TEXT} characters")
    return value


def number_at(values: dict[str, Json], path: str) -> int:
    """Return the whole number at a path, such as an id.

    Raises:
        SchemaError: there is none.
    """
    value = _at(values, path)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LARGEST_NUMBER:
        raise SchemaError(f"{path} is not an id, expected a whole number")
    return value


def flag_at(values: dict[str, Json], path: str) -> bool:
    """Return the truth value at a path, such as `release.draft`.

    Raises:
        SchemaError: there is none.
    """
    value = _at(values, path)
    if not isinstance(value, bool):
        raise SchemaError(f"{path} is not true or false")
    return value


def usable_version(value: Json) -> str:
    """Return the value as a version, or "" where it cannot be one.

    >>> usable_version(" 1.4.2 "), usable_version(3), usable_version(None)
    ('1.4.2', '', '')
    """
    return _usable(value, _LONGEST_VERSION)


def usable_team(value: Json) -> str:
    """Return the value as a team's name, or "" where it cannot be one."""
    return _usable(value, LONGEST_TEAM)


def usable_instant(value: Json) -> datetime | None:
    """Return when a commit was made, or None where the value is no instant: the deployment counts without.

    >>> usable_instant("2026-11-23 01:00:00 +0200"), usable_instant("yesterday")
    (datetime.datetime(2026, 11, 22, 23, 0, tzinfo=datetime.timezone.utc), None)
    """
    if not isinstance(value, str):
        return None
    try:
        return read_gitlab_instant("commit", value)
    except SchemaError:
        return None


def _usable(value: Json, longest: int) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > longest:
        return ""
    return value.strip()


def _at(values: dict[str, Json], path: str) -> Json:
    *parents, name = path.split(".")
    for place, parent in enumerate(parents, start=1):
        inner = values.get(parent)
        if inner is None:
            return None
        values = require_object(inner, ".".join(parents[:place]))
    return values.get(name)
