"""The narrator: news about a release as sentences, each told once."""

from collections.abc import Iterator

from schemas.judgements import Verdict, VerdictKind
from schemas.orders import Command, CommandKind, Held
from streams.demo.heard import Story


class Narrator:
    """Tells what is new in a release's story.

    Args:
        version: The release's version, as people call it.
    """

    def __init__(self, version: str) -> None:
        self._version = version
        self._told: set[str] = set()

    def news(self, story: Story) -> Iterator[str]:
        """Yield what was not told before, in the order in which it comes about."""
        for key, text in self._sentences(story):
            if key not in self._told:
                self._told.add(key)
                yield text

    def _sentences(self, story: Story) -> Iterator[tuple[str, str]]:
        version = self._version
        if story.opened:
            yield "opened", f"Suture watches {version}"
        if story.verdict is not None and _is_worth_telling(story.verdict):
            verdict = story.verdict
            yield f"{verdict.kind} {verdict.is_final}", f"verdict on {version}: {_verdict(verdict)}"
        if story.decision is not None:
            decision = story.decision
            yield decision.id, f"decision: {decision.playbook} {version} (rule {decision.rule})"
        if story.held is not None:
            held = story.held
            what = "held" if isinstance(held, Held) else "denied"
            yield held.id, f"{what} by guard {held.guard}: {held.reason}"
        if story.command is not None:
            yield story.command.id, _order(story.command)
        if story.outcome is not None:
            outcome = story.outcome
            yield outcome.id, f"executor: {str(outcome.kind).replace('_', ' ')}: {outcome.detail}"
        if story.recovery is not None:
            recovery = story.recovery
            yield recovery.id, f"judge: {str(recovery.kind).replace('_', ' ')}: {recovery.text}"


def _is_worth_telling(verdict: Verdict) -> bool:
    """Return whether it says more than that the watch goes on."""
    return verdict.is_final or verdict.kind is not VerdictKind.INCONCLUSIVE


def _verdict(verdict: Verdict) -> str:
    last = " (final)" if verdict.is_final else ""
    sure = f", confidence {verdict.confidence:.4f}" if verdict.kind is VerdictKind.HARMFUL else ""
    return f"{str(verdict.kind).upper()}{last}{sure}: {verdict.reasons[0]}"


def _order(command: Command) -> str:
    if command.kind is CommandKind.UNDO:
        # Empty when the release never said which template runs it.
        replaced = f" from template {command.expected_template}" if command.expected_template else ""
        return f"command: bring {command.target.workload} back{replaced} to template {command.template}"
    if command.kind is CommandKind.PROMOTE:
        return f"command: promote template {command.template} of {command.target.workload} to every instance"
    return f"command: {command.kind.replace('_', ' ')} of {command.target.workload}"
