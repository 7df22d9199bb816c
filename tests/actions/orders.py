"""Commands, decisions and releases for tests of deciding and acting."""

from datetime import UTC, datetime, timedelta

from actions.policy import decide
from schemas.judgements import Verdict, VerdictKind
from schemas.keys import (
    NO_TEMPLATE,
    CommandId,
    DecisionId,
    EnvironmentName,
    ReleaseId,
    ServiceName,
    TemplateHash,
)
from schemas.orders import Command, CommandKind, Decision, Suspect
from schemas.policy import Autonomy, GateSettings, Rule
from schemas.releases import Release, Target, TargetKind

NOW = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
PROD = EnvironmentName("prod")
CART = ServiceName("cart")
OLD = TemplateHash("0a0a0a0a0a")
NEW = TemplateHash("1b1b1b1b1b")
MINUTE = timedelta(minutes=1)
ALONE = Rule(gate=GateSettings(rollback=Autonomy.ALONE, cooldown=timedelta(0)))


def a_target(kind: TargetKind = TargetKind.PROCESSES, workload: str = "cart") -> Target:
    return Target(kind=kind, cluster="default", namespace="shop", workload=workload)


def a_command(
    template: TemplateHash = OLD,
    expected: TemplateHash = NO_TEMPLATE,
    kind: CommandKind = CommandKind.UNDO,
    target: Target | None = None,
    issued_at: datetime = NOW,
    name: str = "c1",
) -> Command:
    return Command(
        id=CommandId(name),
        kind=kind,
        decision=DecisionId("d1"),
        release=ReleaseId("prod-cart-2-x"),
        environment=PROD,
        service=CART,
        target=target or a_target(),
        template=template,
        expected_template=expected,
        issued_at=issued_at,
        expires_at=issued_at + 5 * MINUTE,
    )


def a_release(
    name: str = "r1",
    service: str = "cart",
    template: TemplateHash = NEW,
    started_at: datetime = NOW - 10 * MINUTE,
    version: str = "2",
) -> Release:
    return Release(
        id=ReleaseId(name),
        environment=PROD,
        service=ServiceName(service),
        version=version,
        started_at=started_at,
        template=template,
        target=a_target(TargetKind.DEPLOYMENT, service),
    )


def a_verdict(
    release: Release, kind: VerdictKind, is_final: bool = True, confidence: float = 0.999, ordinal: int = 1
) -> Verdict:
    return Verdict(
        id=f"v-{release.id}-{ordinal}",
        release=release.id,
        environment=release.environment,
        service=release.service,
        version=release.version,
        ordinal=ordinal,
        kind=kind,
        at=NOW,
        is_final=is_final,
        confidence=confidence if kind is VerdictKind.HARMFUL else 0.0,
        alpha=0.01,
        reasons=("errors 12 % against 1 %",),
    )


def suspect(release: Release, score: float = 10.0) -> Suspect:
    return Suspect(release=release.id, service=release.service, score=score, why="its own canary is bad")


def a_decision(
    release: Release,
    kind: VerdictKind = VerdictKind.HARMFUL,
    *,
    suspects: tuple[Suspect, ...] | None = None,
    is_clear: bool = True,
    is_final: bool = True,
    rule: Rule = ALONE,
    confidence: float = 0.999,
    ordinal: int = 1,
) -> Decision:
    return decide(
        verdict=a_verdict(release, kind, is_final, confidence, ordinal),
        release=release,
        ranking_suspects=(suspect(release),) if suspects is None else suspects,
        is_clear=is_clear,
        ranking_why="it is the only release",
        rule_name="prod/*",
        rule=rule,
        settings="s1",
    )
