"""Which playbook is begun for a failure, and why not another. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.failures import Failure, FailurePattern
from schemas.playbooks import Condition, Occasion, PlaybookSpec
from schemas.policy import GateSettings
from schemas.releases import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookChoice:
    """What was chosen.

    Attributes:
        playbook: None when none is for it.
        why: In a sentence.
        alternatives: What else is for that pattern, and why it was not chosen.
    """

    playbook: PlaybookSpec | None
    why: str
    alternatives: tuple[str, ...] = ()


def choose(
    playbooks: Iterable[PlaybookSpec],
    settings: GateSettings,
    pattern: FailurePattern,
    target: Target,
    *,
    is_release: bool,
    failing_share: float,
) -> PlaybookChoice:
    """Return the first playbook whose pattern and condition fit.

    Args:
        playbooks: In the order in which they are thought of.
        settings: Says which of them are allowed.
        pattern: How the service fails.
        target: What fails.
        is_release: What fails is a release under watch.
        failing_share: Share of the workload's replicas that fail, 0 where nobody counts them.
    """
    chosen: PlaybookSpec | None = None
    others: list[str] = []
    for spec in playbooks:
        if pattern not in spec.patterns or spec.roll_forward:
            continue
        if settings.playbooks is not None and spec.name not in settings.playbooks:
            others.append(f"{spec.label}: not chosen, the policy does not name it")
        elif against := unmet(spec.when, target, is_release=is_release, failing_share=failing_share):
            others.append(f"{spec.label}: not chosen, {against}")
        elif chosen is not None:
            others.append(f"{spec.label}: not chosen, {chosen.label} comes first")
        else:
            chosen = spec
    if chosen is None:
        return PlaybookChoice(
            playbook=None, why=f"no playbook is for {pattern} here", alternatives=tuple(others)
        )
    return PlaybookChoice(playbook=chosen, why=f"{pattern}: {chosen.about}", alternatives=tuple(others))


def unmet(condition: Condition, target: Target, *, is_release: bool, failing_share: float) -> str:
    """Return what of a condition does not hold, "" when all does."""
    if condition.kinds and target.kind not in condition.kinds:
        return f"{target.key} is a {target.kind}"
    if condition.occasion is Occasion.RELEASE and not is_release:
        return "no release under watch fails"
    if condition.occasion is Occasion.NO_RELEASE and is_release:
        return "a release under watch fails"
    if failing_share > condition.max_failing_share:
        return (
            f"{100 * failing_share:.0f} % of the replicas fail, it is for at most "
            f"{100 * condition.max_failing_share:.0f} %"
        )
    return ""


def roll_forward_of(playbooks: Iterable[PlaybookSpec], target: Target) -> PlaybookSpec | None:
    """Return what a human is offered for a release that cannot be taken back; None when nothing is there."""
    for spec in playbooks:
        if spec.roll_forward and (not spec.when.kinds or target.kind in spec.when.kinds):
            return spec
    return None


def failing_share(failure: Failure) -> float:
    """Return the share of the workload's replicas that fail; 0 where it has no replicas."""
    return min(1.0, failure.failing / failure.replicas) if failure.replicas else 0.0
