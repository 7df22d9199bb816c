"""A deploy as it is told in plain JSON, by who has no CDEvents at hand. Pure."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime, ConfigDict

from schemas.cdevents import deploy_event, read_deploy
from schemas.cloudevents import CloudEvent
from schemas.errors import SchemaError
from schemas.keys import EnvironmentName, ServiceName, TemplateHash
from schemas.releases import LONGEST_TEAM, Release, Target

LONGEST_KEY = 200
"""Characters of a key that tells a repeat from news."""

SOURCE = "/suture/ci"
"""Who tells, for every way of `suture ci deploy`: the same deploy told twice is one release."""

_LONGEST_ARTIFACT = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRequest:
    """A version that reaches an environment.

    Attributes:
        service: service.name, as its telemetry says it.
        version: service.version, as its telemetry will say it.
        environment: deployment.environment.name.
        commit: Revision of the source.
        repository: Address of the repository that it is of.
        url: Where the deploy can be looked at, such as the pipeline's run.
        template: Hash of the pod template that runs this version.
        rollback_template: Hash of the template to go back to.
        target: What runs the service; None leaves it to the policy.
        artifact: What was deployed, as a package URL; "" for one made of service and version.
        chain: CDEvents chain that it belongs to.
        one_way: What going back does not take back, as a sentence.
        is_upgrade: An older version ran before.
        started_at: When the deploy began; None for now.
        team: Who owns the service; "" leaves it to the policy.
        committed_at: When the newest commit of the version was made; None for unknown.
        key: What tells a repeat from news: of one service, version and environment, the same key is the same
            deploy. "" leaves that to all that is told, `started_at` included.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    service: str
    version: str
    environment: str
    commit: str = ""
    repository: str = ""
    url: str = ""
    template: str = ""
    rollback_template: str = ""
    target: Target | None = None
    artifact: str = ""
    chain: str = ""
    one_way: str = ""
    is_upgrade: bool = False
    started_at: AwareDatetime | None = None
    key: str = ""
    team: str = ""
    committed_at: AwareDatetime | None = None


def release_of(event: CloudEvent) -> Release:
    """Return the release that a deploy's event starts.

    Raises:
        SchemaError: what a release needs is malformed, or the event is none of a deploy.
    """
    started = read_deploy(event)
    if started is None:
        raise SchemaError("the deploy event announces no release")
    return started.release


def event_of(asked: DeployRequest, now: datetime) -> CloudEvent:
    """Return the CDEvents `service.deployed` (or `.upgraded`) that says the same.

    Args:
        asked: The deploy.
        now: When it began, where nobody says.

    Raises:
        SchemaError: a name cannot be one, the version is empty, or the key, the artifact or the team is too
            long or not printable.
    """
    for name, text, longest in (
        ("key", asked.key, LONGEST_KEY),
        ("artifact", asked.artifact, _LONGEST_ARTIFACT),
        ("team", asked.team, LONGEST_TEAM),
    ):
        if len(text) > longest or not text.isprintable():
            raise SchemaError(f"{name} is not a printable string of at most {longest} characters")
    return deploy_event(
        service=ServiceName(asked.service),
        version=asked.version,
        environment=EnvironmentName(asked.environment),
        at=asked.started_at or now,
        commit=asked.commit,
        repository=asked.repository,
        url=asked.url,
        template=TemplateHash(asked.template),
        rollback_template=TemplateHash(asked.rollback_template),
        target=asked.target,
        is_upgrade=asked.is_upgrade,
        source=SOURCE,
        chain=asked.chain,
        one_way=asked.one_way,
        # The version is a part of it: of another one, the same key is another deploy.
        deployment=f"{asked.environment}/{asked.service}/{asked.version}/{asked.key}" if asked.key else "",
        artifact=asked.artifact,
        team=asked.team,
        committed_at=asked.committed_at,
    )
