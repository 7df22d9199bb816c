"""Releases: one version of one service reaching one environment, and what would take it back."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import AwareDatetime

from schemas.instants import require_aware
from schemas.keys import NO_TEMPLATE, EnvironmentName, ReleaseId, ServiceName, TemplateHash

LONGEST_TEAM = 200
"""Characters of a team's name."""


class TargetKind(StrEnum):
    """What kind of thing an action changes; all but CronJob and ConfigMap run services."""

    DEPLOYMENT = "deployment"
    STATEFUL_SET = "statefulset"
    DAEMON_SET = "daemonset"
    CRON_JOB = "cronjob"
    CONFIG_MAP = "configmap"
    PROCESSES = "processes"
    ROLLOUT = "rollout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The object that an action changes."""

    kind: TargetKind
    cluster: str
    namespace: str
    workload: str

    @property
    def key(self) -> str:
        """Return the Kafka key that keeps commands to one object in order."""
        return f"{self.cluster}/{self.namespace}/{self.workload}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version that was deployed.

    Attributes:
        template: Hash of the pod template that runs this version; "" when the event did not say.
        rollback_template: Hash to go back to, as the event named it; "" when it did not.
        target: What runs it; None when neither event nor policy says.
        started_at: When the deploy event says it began.
        event: Identity of the deploy event, as "source id".
        chain: CDEvents chain id, or "".
        is_rollback: The event itself says that it takes a version back: never rolled back in turn.
        one_way: What the release changes that going back does not take back, as its event declares it; ""
            when it declares nothing.
        repository: Address of the repository that the commit is of; "" when the event did not say.
        deployment: What the repository's forge knows the deployment by; "" when the event did not say.
        team: Who owns the service, as the event or the policy names them; "" when neither says.
        committed_at: When the newest commit of the version was made, by the clock of who made it; None when
            the event did not say.
    """

    id: ReleaseId
    environment: EnvironmentName
    service: ServiceName
    version: str
    started_at: AwareDatetime
    template: TemplateHash = NO_TEMPLATE
    rollback_template: TemplateHash = NO_TEMPLATE
    target: Target | None = None
    commit: str = ""
    event: str = ""
    chain: str = ""
    is_rollback: bool = False
    one_way: str = ""
    repository: str = ""
    deployment: str = ""
    team: str = ""
    committed_at: AwareDatetime | None = None

    def __post_init__(self) -> None:
        require_aware("started_at", self.started_at)
        if self.committed_at is not None:
            require_aware("committed_at", self.committed_at)
        if not self.service or not self.environment:
            raise ValueError("a release needs a service and an environment")
