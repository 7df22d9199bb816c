"""A question as the gate puts it, and what changes about it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from schemas.approvals import Asked, Brief, HoldChange, HoldChanged
from schemas.keys import CommandId, DecisionId, EnvironmentName, ReleaseId, ServiceName, TemplateHash
from schemas.orders import Command, CommandKind, Guard, Held
from schemas.releases import Target, TargetKind

NOW = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)

HELD = Held(
    id="5f0d6f0e9b6b4a7c8d1e2f3a4b5c6d7e",
    decision=DecisionId("d-1"),
    release=ReleaseId("prod-cart-1.4.2"),
    environment=EnvironmentName("prod"),
    service=ServiceName("cart"),
    guard=Guard.APPROVAL,
    reason="the policy asks a human to roll back in prod",
    at=NOW,
    expires_at=NOW + timedelta(minutes=30),
    command=Command(
        id=CommandId("c-1"),
        kind=CommandKind.UNDO,
        decision=DecisionId("d-1"),
        release=ReleaseId("prod-cart-1.4.2"),
        environment=EnvironmentName("prod"),
        service=ServiceName("cart"),
        target=Target(kind=TargetKind.DEPLOYMENT, cluster="default", namespace="shop", workload="cart"),
        template=TemplateHash("0a0a0a0a0a"),
        expected_template=TemplateHash("1b1b1b1b1b"),
        issued_at=NOW,
        expires_at=NOW + timedelta(minutes=5),
    ),
    asked=Asked(
        approvers=("ada", "group:sre"),
        quorum=2,
        escalates_at=NOW + timedelta(minutes=10),
        escalates_to=("ben",),
    ),
    brief=Brief(
        what="undo cart 1.4.2 in prod: deployment default/shop/cart to template 0a0a0a0a0a",
        against="3 stable pods of the same minutes",
        certainty="judged harmful with confidence 0.9991; of releases without fault at most 1 % are",
        if_nothing=(
            "without an answer by 2026-11-20 14:30:05 UTC nothing is changed and cart 1.4.2 stays as it is"
        ),
        suspects=("prod-cart-1.4.2 (score 12.3): damage began 40 s after it, in its new pods alone",),
        signals=(
            "http.server.error_ratio: 4.1 % of 1,204 requests fail, 0.2 % of 3,611 in the old pods",
            "http.server.latency_p99 route:/pay: 1.9 s, 0.3 s in the old pods",
            "bad from 13:58:00 UTC on, 40 s after the deploy event",
        ),
    ),
)


def changed(what: HoldChange, number: int = 1, text: str = "it changed", held: Held = HELD) -> HoldChanged:
    """Return that something changed about a question, some seconds after it was put."""
    return HoldChanged(
        id=f"{what}-{number}",
        hold=held.id,
        release=held.release,
        environment=held.environment,
        service=held.service,
        change=what,
        by="policy",
        at=NOW + timedelta(seconds=number),
        text=text,
    )


def renamed(name: str) -> Held:
    """Return a question in which everything that comes from elsewhere is a text of one's choice."""
    brief = Brief(
        what=name, against=name, certainty=name, if_nothing=name, suspects=(name,), signals=(name, name)
    )
    return replace(
        HELD,
        reason=name,
        service=ServiceName(name),
        environment=EnvironmentName(name),
        brief=brief,
        asked=Asked(approvers=(name,), escalates_to=(name,), escalates_at=NOW),
    )
