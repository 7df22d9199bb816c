"""Releases of each ending, scripted minute by minute."""

from schemas.approvals import HoldChange
from schemas.failures import FailurePattern
from schemas.judgements import RecoveryKind, VerdictKind
from schemas.observations import Answer
from schemas.orders import CommandKind, Guard, OutcomeKind, Playbook, Suspect
from tests.feature_store.script import ERRORS, Script, side

UNDO, PROMOTE = CommandKind.UNDO, CommandKind.PROMOTE


def harmful(script: Script, minute: float = 8) -> Script:
    """A release whose errors rise in its fifth minute and convict it three minutes later."""
    script.opened()
    script.verdict(VerdictKind.INCONCLUSIVE, "2 of 5 intervals seen", minute=2)
    errors = script.evidence(minute=minute)
    latency = script.evidence(
        "latency",
        minute,
        canary=side(0.184),
        control=side(0.181, 48_000.0, 8),
        log_e=-0.4,
        text="latency 0.184 s over 12,000 on 2 canary pods against 0.181 s over 48,000 on 8 stable pods; "
        "0.67 times likelier than chance (164 needed)",
    )
    return script.verdict(
        VerdictKind.HARMFUL,
        ERRORS,
        minute=minute,
        evidence=(errors, latency),
        confidence=0.9999,
        first_bad=5,
    )


def rolled_back_alone(script: Script | None = None) -> Script:
    script = harmful(script or Script(environment="dev"))
    script.decision(
        Playbook.ROLLBACK,
        f"harmful: {ERRORS}; cart: its own pods fail, 10,938 times likelier than chance",
        confidence=0.9999,
        rule="dev/*",
        suspects=(
            Suspect(release=script.release, service=script.service, score=9.3, why="own pods are worse"),
        ),
        alternatives=(
            "ask a human: not needed by dev/*",
            "nothing: not chosen, the evidence crossed its threshold",
        ),
    )
    script.command(UNDO, minute=8)
    script.outcome(UNDO, OutcomeKind.DONE, "dev/cart: template 5d9c7 -> 7f6b9", minute=8.5)
    script.recovery(
        RecoveryKind.RECOVERED,
        "errors 0.21 % before, 4.1 % during, 0.2 % after",
        minute=12,
        first_bad=5,
        acted=8.5,
        recovered=10,
    )
    return script.closed("rolled back and recovered", minute=12)


def asked(script: Script | None = None) -> Script:
    script = harmful(script or Script())
    script.decision(
        Playbook.ROLLBACK,
        f"harmful: {ERRORS}; cart: its own pods fail",
        needs_approval=True,
        confidence=0.9999,
        alternatives=("rollback alone: not chosen, prod/* asks a human",),
    )
    script.held(
        Guard.APPROVAL, f"rollback needs a human: harmful: {ERRORS}; cart: its own pods fail", expires=38
    )
    return script.paged("cart 1.4.2 in prod: rollback waits for approval until 03:38 (approval)", minute=8)


def held_and_approved() -> Script:
    script = asked()
    script.answered(Answer.APPROVE, minute=10, why="errors are real")
    script.command(UNDO, minute=10, approved_by="ada via cli")
    script.outcome(UNDO, OutcomeKind.DONE, "prod/cart: template 5d9c7 -> 7f6b9", minute=10.5)
    script.recovery(
        RecoveryKind.NOT_RECOVERED,
        "errors 0.21 % before, 4.1 % during, 3.8 % after",
        minute=20.5,
        first_bad=5,
        acted=10.5,
    )
    return script.paged("cart in prod did not recover after the rollback", minute=20.5)


def asked_of_two() -> Script:
    """A question that two must approve: a stranger answers, one agrees, more are asked, the second agrees."""
    script = asked()
    script.answered(Answer.APPROVE, minute=9, by="mallory")
    script.hold_changed(
        HoldChange.NOT_COUNTED,
        "approve by mallory via slack does not count: they are not asked",
        minute=9,
        by="mallory via slack",
    )
    script.hold_changed(HoldChange.AGREED, "1 of 2 approvals: ada via slack", minute=10, by="ada via slack")
    script.hold_changed(
        HoldChange.ESCALATED,
        "rollback has waited for ten minutes; group:leads may answer as well",
        minute=18,
        by="policy",
    )
    script.hold_changed(
        HoldChange.GRANTED,
        "approved by ada via slack, grace via pagerduty",
        minute=19,
        by="grace via pagerduty",
    )
    script.command(UNDO, minute=19, approved_by="ada via slack, grace via pagerduty")
    return script.outcome(UNDO, OutcomeKind.DONE, "prod/cart: template 5d9c7 -> 7f6b9", minute=19.5)


def rejected() -> Script:
    script = asked()
    script.answered(Answer.REJECT, minute=9, by="grace", why="a load test, not customers")
    return script.denied(Guard.REJECTED, "grace rejected it via cli: a load test, not customers", minute=9)


def expired() -> Script:
    return asked().denied(Guard.EXPIRED, "nobody answered within 0:30:00", minute=38)


def silent() -> Script:
    script = Script().opened()
    script.verdict(
        VerdictKind.NODATA,
        "no sample came from any pod of 1.4.2 in 30 minutes",
        minute=30,
        is_final=True,
    )
    script.decision(Playbook.PAGE, "no data is not a pass: the owner must look", minute=30)
    script.paged("cart 1.4.2 in prod sent no data", minute=30)
    return script.closed("watch ended", minute=30)


def broken() -> Script:
    script = Script().opened()
    script.verdict(VerdictKind.BROKEN, "more errors than requests: 480 of 210", minute=6)
    script.decision(Playbook.PAGE, "the instrument cannot be believed", minute=6)
    return script.paged("cart 1.4.2 in prod: its metrics contradict themselves", minute=6)


def promoted() -> Script:
    script = Script("1.4.3").opened()
    errors = script.evidence(
        minute=30,
        canary=side(0.002),
        control=side(0.0021, 48_000.0, 8),
        log_e=-2.1,
        text="errors 0.2 % of 12,000 on 2 canary pods against 0.21 % of 48,000 on 8 stable pods; "
        "0.12 times likelier than chance (164 needed)",
    )
    script.verdict(
        VerdictKind.HEALTHY,
        "watched for 0:30:00 over 12,000 requests, nothing found",
        minute=30,
        evidence=(errors,),
        is_final=True,
    )
    script.decision(Playbook.PROMOTE, "healthy, and prod/* may promote alone", minute=30)
    script.command(PROMOTE, minute=30)
    script.outcome(PROMOTE, OutcomeKind.DONE, "prod/cart: all pods run template 5d9c7", minute=31)
    return script.closed("watch ended", minute=31)


def crashing() -> Script:
    script = harmful(Script().failure(FailurePattern.CRASH_LOOP, minute=2, failing=1))
    script.failure(FailurePattern.CRASH_LOOP, minute=4, failing=2)
    script.decision(Playbook.ROLLBACK, f"harmful: {ERRORS}", confidence=0.9999)
    script.command(UNDO, minute=8)
    script.outcome(UNDO, OutcomeKind.DONE, "prod/cart: all pods run template 7f6b9", minute=9)
    return script.failure_cleared(FailurePattern.CRASH_LOOP, minute=10).closed("rolled back", minute=10)


def ambiguous() -> Script:
    script = harmful(Script())
    other = Script("2.0.0", service="stock")
    script.decision(
        Playbook.PAGE,
        f"harmful, but who is to blame is ambiguous: cart and stock are within 0.5; {ERRORS}",
        needs_approval=True,
        confidence=0.9999,
        suspects=(
            Suspect(release=script.release, service=script.service, score=9.3, why="own pods are worse"),
            Suspect(
                release=other.release,
                service=other.service,
                score=8.8,
                why="cart calls it, and the damage began 40 s after its start",
            ),
        ),
    )
    return script.held(
        Guard.AMBIGUOUS_BLAME,
        f"harmful, but who is to blame is ambiguous: cart and stock are within 0.5; {ERRORS}",
        expires=38,
    )
