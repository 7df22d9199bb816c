"""Exploration: which rollbacks are put off, so that something is learnt of what is always taken back.

Of a release that is taken back at once nobody sees what it would have done. Putting off a known share of
rollbacks shows it for that share, and what is known of a share with known probability is known of all: D. G.
Horvitz and D. J. Thompson, "A Generalization of Sampling Without Replacement From a Finite Universe", JASA
47 (1952). Nothing is drawn: a hash of the release's id chooses, so a replay chooses the same releases.
"""

from dataclasses import replace
from datetime import datetime
from math import log

from schemas.judgements import Suspicion, VerdictKind
from schemas.keys import DecisionId, ReleaseId, decision_id, derived_id
from schemas.orders import Decision, Exploration, Playbook
from schemas.policy import Autonomy, Rule
from schemas.releases import Release

FADED = log(10.0)
"""Evidence, as a log, below which it is not strong: H. Jeffreys, "Theory of Probability", appendix B, which
V. Vovk and R. Wang, "E-values: Calibration, combination and applications", Annals of Statistics 49 (2021),
take over for e-values; blame is not clear below it either. Lower takes back what passes by itself; higher
keeps more that still does harm."""


def is_chosen(release: ReleaseId, share: float) -> bool:
    """Return whether a release is among the share that is explored; the same for the same release, always.

    >>> is_chosen(ReleaseId("prod-cart-1.4.2-92ab94fd"), 0.0), is_chosen(ReleaseId("any"), 1.0)
    (False, True)
    """
    drawn = int(derived_id("explored", release).replace("-", "")[-12:], 16)
    return drawn < share * 16**12


def is_clear_harm(confidence: float, rule: Rule) -> bool:
    """Return whether a verdict is too clear to put anything off; always where the rule has no bound."""
    bound = rule.gate.approval.clear_harm
    return bound is None or confidence >= bound


def exploration_of(decision: Decision, rule: Rule, now: datetime) -> Exploration | None:
    """Return how a rollback is explored, or could have been; None where it is none to explore.

    Explored is what nobody is asked about, what a verdict led to, and one that is not clear harm.
    """
    gate = rule.gate
    if (
        gate.explore <= 0
        or gate.rollback is not Autonomy.ALONE
        or decision.playbook is not Playbook.ROLLBACK
        or decision.verdict_kind is not VerdictKind.HARMFUL
        or decision.needs_approval
        or is_clear_harm(decision.confidence, rule)
    ):
        return None
    chosen = is_chosen(decision.release, gate.explore)
    return Exploration(share=gate.explore, until=now + gate.explore_for if chosen else None)


def explored(decision: Decision, exploration: Exploration) -> Decision:
    """Return a decision that says whether it is put off, and by which chance."""
    chance = f"{exploration.share:.1%} of such rollbacks are"
    said = (
        f"rollback at once: not chosen, put off until {exploration.until} to learn what it does: {chance}"
        if exploration.until
        else f"rollback put off to learn what it does: not chosen by the release's id, {chance}"
    )
    return replace(decision, alternatives=(*decision.alternatives, said), exploration=exploration)


def has_faded(suspicion: Suspicion) -> bool:
    """Return whether hardly anything speaks against a release any more, of its own pods or of its callers.

    A verdict stands for good once its evidence crossed the threshold. What has come in since may all the same
    speak so much for the release that it would not be suspected today.
    """
    callers = max((log_e for _, log_e in suspicion.edge_log_e), default=0.0)
    return max(suspicion.own_log_e, suspicion.silence_log_e, callers) < FADED


def let_be_id(release: ReleaseId) -> DecisionId:
    """Return the id of the decision not to take an explored release back."""
    return decision_id(release, "explored")


def let_be(decision: Decision, release: Release, reason: str, now: datetime) -> Decision:
    """Return the decision to leave a release whose rollback was put off; a human is told.

    Args:
        decision: What would have been done about it now.
        release: The release that it is about.
        reason: The verdict's.
        now: When the wait was over.
    """
    return replace(
        decision,
        id=let_be_id(release.id),
        playbook=Playbook.PAGE,
        at=now,
        why="judged harmful, put off to learn what it does, and hardly anything speaks against it any more: "
        f"it is not taken back unless that changes; {reason}",
        needs_approval=False,
        suspects=(),
        alternatives=("rollback: not chosen, the evidence against it faded while it was put off",),
    )
