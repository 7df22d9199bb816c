"""Effects of one release that is taken back, for tests of what other tools are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from schemas.effects import Effect, Said
from schemas.judgements import Evidence, Recovery, RecoveryKind, Side, Suspicion, Verdict, VerdictKind
from schemas.keys import (
    DecisionId,
    EnvironmentName,
    ReleaseId,
    ServiceName,
    SignalName,
    TemplateHash,
    command_id,
    derived_id,
)
from schemas.observations import LogPosition, OutcomeReported, ReleaseOpened, VerdictReached
from schemas.orders import Command, CommandKind, Guard, Held, OutcomeKind
from schemas.releases import Release, Target, TargetKind
from schemas.topics import Topic
from tests.builders import NEW, OLD, START, an_outcome

LOG_LINE = "payment of <*> for customer Mallory was declined"
RELEASE = Release(
    id=ReleaseId("prod-cart-1.4.2-92ab94fd"),
    environment=EnvironmentName("prod"),
    service=ServiceName("cart"),
    version="1.4.2",
    started_at=START,
    template=NEW,
    rollback_template=OLD,
    commit="f95f852bd8fca8fcc58a9a2d6c842781e32a215e",
    event="https://github.com/shop/cart 9b6f1c1e-deploy",
    repository="https://github.com/shop/cart",
    deployment="145988746",
    chain="chain-7",
)


def an_effect(said: Said, offset: int, key: str = "", partition: int = 0) -> Effect:
    """Return an effect that stands somewhere in the log."""
    key = key or "prod/cart"
    topic = Topic.OBSERVATIONS if "/" in key else Topic.ENVIRONMENT_OBSERVATIONS
    cause = LogPosition(topic=topic.value, partition=partition, offset=offset)
    return Effect(key=key, cause=cause, index=0, said=said)


def evidence(
    signal: str = "errors",
    detector: str = "counts",
    text: str = "errors 9 % against 1 %",
    log_e: float = 20.0,
) -> Evidence:
    """Return evidence that convicts."""
    return Evidence(
        id=derived_id("evidence", signal, detector),
        release=RELEASE.id,
        signal=SignalName(signal),
        detector=detector,
        at=START + timedelta(minutes=5),
        canary=Side(pods=2, intervals=10, exposure=4500.0, level=0.09),
        control=Side(pods=6, intervals=30, exposure=13000.0, level=0.01),
        log_e=log_e,
        threshold_log_e=9.0,
        margin=0.002,
        comparison="stable pods of the same minutes",
        join="template",
        text=text,
    )


def log_evidence() -> Evidence:
    """Return evidence that quotes a log's statement."""
    return evidence("log_errors", "log-template-3", f'new error line "{LOG_LINE}" 12 times', log_e=30.0)


def a_verdict(
    kind: VerdictKind = VerdictKind.HARMFUL,
    at: datetime = START + timedelta(minutes=5),
    release: Release = RELEASE,
    *,
    is_final: bool = True,
    ordinal: int = 1,
    found: Sequence[Evidence] | None = None,
) -> VerdictReached:
    """Return a verdict on the release."""
    found = (evidence(), log_evidence()) if found is None else tuple(found)
    is_harm = kind is VerdictKind.HARMFUL
    return VerdictReached(
        verdict=Verdict(
            id=derived_id("verdict", release.id, str(ordinal)),
            release=release.id,
            environment=release.environment,
            service=release.service,
            version=release.version,
            ordinal=ordinal,
            kind=kind,
            at=at,
            is_final=is_final,
            confidence=0.9997 if is_harm else 0.0,
            alpha=0.01,
            reasons=tuple(one.text for one in found) or (f"it is {kind}",),
            evidence=tuple(found),
            first_bad_at=at - timedelta(minutes=3) if is_harm else None,
        ),
        suspicion=Suspicion(
            release=release.id,
            service=release.service,
            environment=release.environment,
            at=at,
            started_at=release.started_at,
        ),
        release=release,
    )


def a_command(release: Release = RELEASE, at: datetime = START + timedelta(minutes=6)) -> Command:
    """Return the order to take the release back."""
    return Command(
        id=command_id(release.id, "rollback", 0),
        kind=CommandKind.UNDO,
        decision=DecisionId("d"),
        release=release.id,
        environment=release.environment,
        service=release.service,
        target=Target(kind=TargetKind.DEPLOYMENT, cluster="default", namespace="shop", workload="cart"),
        template=TemplateHash(OLD),
        expected_template=TemplateHash(NEW),
        issued_at=at,
        expires_at=at + timedelta(minutes=5),
    )


def an_undo(
    release: Release = RELEASE,
    at: datetime = START + timedelta(minutes=7),
    kind: OutcomeKind = OutcomeKind.DONE,
) -> OutcomeReported:
    """Return what the executor saw after it took the release back."""
    return an_outcome(a_command(release), at, kind)


def a_recovery(
    release: Release = RELEASE,
    at: datetime = START + timedelta(minutes=9),
    kind: RecoveryKind = RecoveryKind.RECOVERED,
) -> Recovery:
    """Return how the service fared afterwards."""
    command = a_command(release).id
    return Recovery(
        id=derived_id("recovery", command),
        command=command,
        release=release.id,
        environment=release.environment,
        service=release.service,
        kind=kind,
        at=at,
        text="errors 1 %, then 9 %, now 1 %",
        first_bad_at=at - timedelta(minutes=7),
        acted_at=at - timedelta(minutes=2),
        recovered_at=at - timedelta(minutes=1) if kind is RecoveryKind.RECOVERED else None,
    )


def a_hold(release: Release = RELEASE, at: datetime = START + timedelta(minutes=5)) -> Held:
    """Return the question whether the release may be taken back."""
    return Held(
        id=derived_id("hold", release.id),
        decision=DecisionId("d"),
        release=release.id,
        environment=release.environment,
        service=release.service,
        guard=Guard.APPROVAL,
        reason="production asks",
        at=at,
        expires_at=at + timedelta(hours=1),
        command=a_command(release),
    )


def a_story(release: Release = RELEASE, offset: int = 0) -> list[Effect]:
    """Return a release's life: begun, judged harmful, taken back, recovered."""
    began = release.started_at
    said: list[Said] = [
        ReleaseOpened(release=release),
        a_verdict(at=began + timedelta(minutes=5), release=release),
        an_undo(release, began + timedelta(minutes=7)),
        a_recovery(release, began + timedelta(minutes=9)),
    ]
    return [
        an_effect(one, offset + place, "prod" if isinstance(one, OutcomeReported) else "prod/cart")
        for place, one in enumerate(said)
    ]


def another(release: Release, number: int, started_at: datetime) -> Release:
    """Return a further release like one."""
    return replace(release, id=ReleaseId(f"{release.id}-{number}"), started_at=started_at, chain="")
