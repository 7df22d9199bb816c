"""An environment in memory whose services fail, with its executor."""

from dataclasses import replace
from datetime import datetime, timedelta

from actions.playbook_files import load_playbooks
from schemas.effects import Effect
from schemas.failures import FailingPod, Failure, FailurePattern
from schemas.keys import EnvironmentName, ServiceName, TemplateHash
from schemas.observations import FailureCleared, FailureSeen, OneWaySeen, TemplateSeen
from schemas.orders import Command, OutcomeKind, Page
from schemas.policy import Autonomy, GateSettings, JudgeSettings, Policy, Rule
from schemas.releases import Target, TargetKind
from tests.builders import OLD, START, a_release, said
from tests.streams.world import ENVIRONMENTS, World

DEV = EnvironmentName("dev")
CART = ServiceName("cart")
TARGET = Target(kind=TargetKind.DEPLOYMENT, cluster="default", namespace="dev", workload="cart")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def a_policy(
    remedy: Autonomy = Autonomy.ALONE,
    rollback: Autonomy = Autonomy.ALONE,
    remedy_budget: int = 4,
    cooldown: timedelta = timedelta(minutes=10),
) -> Policy:
    settings = GateSettings(rollback=rollback, remedy=remedy, cooldown=cooldown, remedy_budget=remedy_budget)
    judge = JudgeSettings(min_watch=timedelta(minutes=2))
    return Policy(rules={"*/*": Rule(gate=settings, judge=judge)}, playbooks=load_playbooks(None))


def a_failure(
    pattern: FailurePattern = FailurePattern.CRASH_LOOP,
    name: str = "f1",
    since: float = 0,
    pods: tuple[str, ...] = ("cart-x",),
    replicas: int = 4,
    target: Target = TARGET,
    template: str = OLD,
) -> FailureSeen:
    return FailureSeen(
        failure=Failure(
            id=f"dev-cart-{pattern}-{name}",
            pattern=pattern,
            environment=DEV,
            service=CART,
            target=target,
            since=at(since),
            at=at(since),
            template=TemplateHash(template),
            pods=tuple(FailingPod(name=pod, uid=f"uid-{pod}") for pod in pods),
            failing=len(pods),
            replicas=replicas,
            detail="2 restarts",
        )
    )


class Site:
    """An environment with its executor."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.world = World(policy or a_policy())
        self.heard: list[Effect] = []

    def see(self, event: FailureSeen | FailureCleared | TemplateSeen | OneWaySeen) -> list[Effect]:
        return self._keep(self.world.put("dev", event, ENVIRONMENTS))

    def clear(self, event: FailureSeen, seconds: float) -> list[Effect]:
        failure = event.failure
        return self.see(FailureCleared(failure=failure.id, environment=DEV, service=CART, at=at(seconds)))

    def tick(self, seconds: float) -> list[Effect]:
        return self._keep(self.world.tick(at(seconds)))

    def end(self, seconds: float, kind: OutcomeKind = OutcomeKind.DONE) -> list[Effect]:
        """Report what became of the newest command."""
        return self._keep(self.world.report(self.commands[-1], at(seconds), kind))

    def _keep(self, effects: list[Effect]) -> list[Effect]:
        self.heard += effects
        return effects

    @property
    def commands(self) -> list[Command]:
        return said(self.heard, Command)

    @property
    def pages(self) -> list[Page]:
        return said(self.heard, Page)


def released(site: Site, one_way: str = "", target: Target | None = None) -> None:
    """Let a quiet hour pass, then a release begin whose pods are of template NEW."""
    site.world.quiet_hour()
    event = a_release()
    release = replace(event.release, one_way=one_way, target=target)
    site.heard += site.world.put("dev/cart", replace(event, release=release))
