"""Headline: what became of a release, in one sentence, for a reader who was just woken up."""

from datetime import timedelta

from feature_store.why import Story
from feature_store.wording import clock, sentence, span
from schemas.approvals import HoldChange, HoldChanged
from schemas.judgements import Recovery, RecoveryKind, VerdictKind
from schemas.observations import Approval
from schemas.orders import Command, CommandKind, Decision, Guard, Held, Playbook

_HELPED = {
    RecoveryKind.RECOVERED: "the service recovered",
    RecoveryKind.NOT_RECOVERED: "the service did not recover",
    RecoveryKind.WORSE: "the service got worse",
    RecoveryKind.UNKNOWN: "whether it helped is not known",
}
_KNOWN_NOW = {
    VerdictKind.HEALTHY: "looks healthy so far",
    VerdictKind.HARMFUL: "is harmful, and nothing was done yet",
    VerdictKind.INCONCLUSIVE: "is being watched; there is not enough evidence yet",
    VerdictKind.NODATA: "cannot be judged: it sends no data",
    VerdictKind.BROKEN: "cannot be judged: its measurements contradict themselves",
}
_KNOWN_AT_THE_END = {
    VerdictKind.HEALTHY: "passed its watch as healthy",
    VerdictKind.HARMFUL: "is harmful, and nothing was done",
    VerdictKind.INCONCLUSIVE: "ended its watch without enough evidence, which is not a pass",
    VerdictKind.NODATA: "ended its watch without data, which is not a pass",
    VerdictKind.BROKEN: "ended its watch with measurements that contradict themselves, which is not a pass",
}


def headline(story: Story) -> str:
    """Return what happened as one sentence."""
    row = story.row
    return sentence(f"{row.service} {row.version} in {row.environment} {_fate(story)}")


def _fate(story: Story) -> str:
    row = story.row
    holds = story.of(Held)
    reason = _guard_reason(story)
    match row.state:
        case "rolled_back":
            return _rolled_back(story)
        case "rolling_back":
            return "is harmful and is being rolled back; the outcome is not known yet"
        case "rollback_failed":
            return f"is harmful and could not be rolled back: {_last_detail(story)}"
        case "held" if holds and holds[-1].guard is Guard.APPROVAL and holds[-1].expires_at is not None:
            return f"{_known(story)} and waits for approval until {clock(holds[-1].expires_at)}"
        case "held":
            until = holds[-1].expires_at if holds else None
            answer = "" if until is None else f" for a human's answer until {clock(until)}"
            return f"{_known(story)} and its {_asked_for(story)} is held{answer}: {reason}"
        case "rejected":
            ends = [one.by for one in story.of(HoldChanged) if one.change is HoldChange.REJECTED]
            answers = [one.by for one in story.of(Approval)]
            who = (ends or answers or ["a human"])[-1]
            return f"{_known(story)} and was left running: {who} rejected the {_asked_for(story)}"
        case "expired":
            return f"{_known(story)} and was left running: nobody answered in time"
        case "denied":
            return f"{_known(story)} and was left as it is: {reason}"
        case "promoting":
            return "is being promoted; the outcome is not known yet"
        case "promoted":
            return "was found healthy and promoted"
        case "promotion_failed":
            return f"was found healthy and could not be promoted: {_last_detail(story)}"
        case "watching":
            kind = _kind(story)
            known = "is being watched; nothing is known yet" if kind is None else _KNOWN_NOW[kind]
            return known + _because(story)
        case _:
            kind = _kind(story)
            known = "was closed before it was judged" if kind is None else _KNOWN_AT_THE_END[kind]
            return known + _because(story)


def _because(story: Story) -> str:
    """Return why a harmful release was let be, or ""."""
    decisions = story.of(Decision)
    is_let_be = decisions and decisions[-1].playbook in {Playbook.PAGE, Playbook.NOTHING}
    if not is_let_be or _kind(story) is not VerdictKind.HARMFUL:
        return ""
    return f": {without_reason(story, decisions[-1].why)}"


def without_reason(story: Story, text: str) -> str:
    """Return a decision's or a hold's text without the verdict's reason, which is told elsewhere in full.

    The engine repeats it in each, so that each can stand alone on its topic.
    """
    for reason in story.verdicts[-1].reasons[:1] if story.verdicts else ():
        text = text.replace(f"; {reason}", "").replace(reason, "as seen")
    return text


def _rolled_back(story: Story) -> str:
    words = "was rolled back"
    if story.row.seconds_to_undo is not None:
        words += f" {span(timedelta(seconds=story.row.seconds_to_undo))} after it started"
    commands = [command for command in story.of(Command) if command.kind == "undo"]
    approved_by = commands[-1].approved_by if commands else ""
    words += f", approved by {approved_by}" if approved_by else ", without asking anybody"
    recoveries = story.of(Recovery)
    helped = _HELPED[recoveries[-1].kind] if recoveries else "whether it helped is not judged yet"
    return f"{words}; {helped}"


def _kind(story: Story) -> VerdictKind | None:
    return story.verdicts[-1].kind if story.verdicts else None


def _known(story: Story) -> str:
    kind = _kind(story)
    match kind:
        case None:
            return "is not judged"
        case VerdictKind.HARMFUL | VerdictKind.HEALTHY:
            return f"is {kind}"
        case _:
            return _KNOWN_NOW[kind]


def _guard_reason(story: Story) -> str:
    return without_reason(story, story.row.guard_reason or "no reason was given")


def _asked_for(story: Story) -> str:
    """Return what waits or was turned down: blame that is ambiguous pages, and holds the rollback."""
    held = [hold.command.kind for hold in story.of(Held) if hold.command is not None]
    if held:
        named = {CommandKind.UNDO: "rollback", CommandKind.PROMOTE: "promotion"}
        return named.get(held[-1], held[-1].replace("_", " "))
    return {"rollback": "rollback", "promote": "promotion"}.get(story.row.playbook or "", "decision")


def _last_detail(story: Story) -> str:
    return story.row.outcome_detail or "no detail was given"
