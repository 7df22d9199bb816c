"""A sync that had begun before it was stopped may write once more: the executor's answer to it."""

from datetime import timedelta

from actions.actuator import Progress
from actions.executor import Executor
from actions.ledger import MemoryLedger
from actions.signing import KeyRing
from schemas.orders import Command, Outcome, OutcomeKind
from schemas.releases import TargetKind
from tests.actions.orders import NEW, NOW, OLD, a_command


class TakenBack:
    """A target whose new template is written over so many times by a sync that has been stopped."""

    def __init__(self, times: int) -> None:
        self.left, self.writes, self.template = times, 0, NEW

    def read_back(self, command: Command) -> Progress:  # noqa: ARG002  # it is the only one
        is_set = self.template == OLD
        if is_set and self.left:
            self.left -= 1
            self.template, is_set = NEW, False
        return Progress(
            is_set=is_set,
            is_done=is_set,
            is_taken_back=not is_set,
            template=self.template,
            detail=f"template {self.template} is asked for",
        )

    def carry_out(self, command: Command) -> str:  # noqa: ARG002  # it is the only one
        self.writes += 1
        self.template = OLD
        return f"template {OLD} written"

    def rehearse(self, command: Command) -> str:
        return self.carry_out(command)


def executed(target: TakenBack) -> Outcome:
    now = [NOW]

    def sleep(seconds: float) -> None:
        now[0] += timedelta(seconds=seconds)

    return Executor(
        actuators={TargetKind.PROCESSES: target},
        keys=KeyRing({"k1": b"0123456789abcdef"}),
        clock=lambda: now[0],
        sleep=sleep,
        ledger=MemoryLedger(),
        clusters=frozenset({"default"}),
    ).execute(a_command())


def test_a_change_that_a_late_sync_took_back_is_made_again() -> None:
    target = TakenBack(times=1)
    outcome = executed(target)
    assert outcome.kind is OutcomeKind.DONE
    assert target.writes == 2
    assert "written over by a late sync" in outcome.detail


def test_a_change_that_is_taken_back_again_and_again_is_not_fought_for() -> None:
    target = TakenBack(times=10)
    outcome = executed(target)
    assert outcome.kind is OutcomeKind.FAILED
    assert "somebody changed" in outcome.detail
    assert target.writes == 3
