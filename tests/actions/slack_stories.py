"""Holds, and what becomes of them, as the tests of Slack tell them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from schemas.approvals import Asked, Brief, HoldChange, HoldChanged, Person
from schemas.judgements import Recovery, RecoveryKind
from schemas.keys import DecisionId, EnvironmentName, ReleaseId, derived_id
from schemas.orders import Command, CommandKind, Guard, Held, Outcome, OutcomeKind, Page
from tests.actions.orders import CART, MINUTE, NOW, a_command

CHANNEL = "C0PROD0001"
OTHER = "C0OTHER001"
CHANNELS = {"prod": CHANNEL, "*": OTHER}
ADA, BOB, STRANGER = "U0ADA00001", "U0BOB00001", "U0STRANGER"
PEOPLE = {
    "ada": Person(slack=ADA, groups=("sre",)),
    "bob": Person(slack=BOB, groups=("sre",)),
    "eve": Person(pagerduty="PXPGF42"),
}
NASTY = "<!channel> & <https://evil.example|your bank> *bold* `code` :fire: @here #general <@U0ADA00001>"
BRIEF = Brief(
    what="undo cart 2 in prod: deployment default/shop/cart to template 0a0a0a0a0a",
    against="stable pods of the same minutes",
    certainty="judged harmful with confidence 0.9991; of releases without fault at most 1 % are",
    if_nothing="without an answer by 2026-11-01 03:30:00 UTC nothing is changed and cart 2 stays as it is",
    suspects=("prod-cart-2-x (score 3.2): began first", "prod-till-7-y (score 0.4): a caller"),
    signals=("error_ratio: 12 of 100 requests fail, 1 of 900 did",),
)


def a_hold(
    environment: str = "prod",
    brief: Brief = BRIEF,
    asked: Asked | None = None,
    kind: CommandKind = CommandKind.UNDO,
    name: str = "h1",
) -> Held:
    where = EnvironmentName(environment)
    command: Command = replace(a_command(kind=kind), environment=where)
    return Held(
        id=derived_id("hold", name),
        decision=DecisionId("d1"),
        release=command.release,
        environment=where,
        service=CART,
        guard=Guard.APPROVAL,
        reason="the policy asks a human in prod",
        at=NOW,
        expires_at=NOW + 30 * MINUTE,
        command=command,
        asked=asked or Asked(approvers=("group:sre",)),
        brief=brief,
    )


def changed(
    held: Held,
    change: HoldChange,
    text: str,
    by: str = "ada via slack",
    to: tuple[str, ...] = (),
    after: timedelta = MINUTE,
) -> HoldChanged:
    return HoldChanged(
        id=derived_id("hold_changed", held.id, change, by, *to),
        hold=held.id,
        release=held.release,
        environment=held.environment,
        service=held.service,
        change=change,
        by=by,
        at=held.at + after,
        text=text,
        to=to,
    )


def granted(held: Held) -> HoldChanged:
    return changed(held, HoldChange.GRANTED, "approved by ada via slack: seen it")


def an_outcome(held: Held, detail: str = "template 1b1b1b1b1b -> 0a0a0a0a0a") -> Outcome:
    assert held.command is not None
    return Outcome(
        id="o1",
        command=held.command.id,
        kind=OutcomeKind.DONE,
        command_kind=held.command.kind,
        release=held.release,
        environment=held.environment,
        service=held.service,
        target=held.command.target,
        started_at=NOW + MINUTE,
        at=NOW + 2 * MINUTE,
        detail=detail,
        log_tail=("password=hunter2",),
    )


def a_recovery(held: Held) -> Recovery:
    return Recovery(
        id="y1",
        command="c1",
        release=held.release,
        environment=held.environment,
        service=held.service,
        kind=RecoveryKind.RECOVERED,
        at=NOW + 5 * MINUTE,
        text="error_ratio 0.12 -> 0.001",
    )


def a_page(environment: str = "prod", summary: str = "cart is silent") -> Page:
    return Page(
        id=derived_id("page", environment, summary),
        environment=EnvironmentName(environment),
        service=CART,
        release=ReleaseId("prod-cart-2-x"),
        about="v1",
        summary=summary,
        at=NOW,
    )
