import pytest

from actions.actuator import Progress
from actions.errors import ReportedElsewhereError
from actions.executor import Executor, failed
from actions.fence import fenced, require_open
from actions.ledger import MemoryLedger
from actions.signing import KeyRing
from schemas.orders import Command, Outcome
from schemas.releases import TargetKind
from tests.actions.orders import NEW, NOW, a_command


class Shared:
    """A workload that two executors change; the other one is done between our read and our write."""

    def __init__(self, ledger: MemoryLedger, theirs: Outcome) -> None:
        self.ledger, self.theirs = ledger, theirs
        self.writes = 0

    def read_back(self, command: Command) -> Progress:  # noqa: ARG002  # the form of an actuator
        return Progress(is_set=False, is_done=False, template=NEW, detail="not set")

    def carry_out(self, command: Command) -> str:  # noqa: ARG002  # the form of an actuator
        self.ledger.record(self.theirs)
        require_open()
        self.writes += 1
        return "changed"

    def rehearse(self, command: Command) -> str:  # noqa: ARG002  # the form of an actuator
        return "would change"


def test_nothing_is_written_for_a_command_that_another_executor_has_reported() -> None:
    command, ledger = a_command(), MemoryLedger()
    theirs = failed(command, "what the other one said", NOW, NOW)
    world = Shared(ledger, theirs)
    executor = Executor(
        actuators={TargetKind.PROCESSES: world},
        keys=KeyRing({"k1": b"0123456789abcdef"}),
        clock=lambda: NOW,
        sleep=lambda _: None,
        ledger=ledger,
        clusters=frozenset({"default"}),
    )
    assert executor.execute(command) == theirs
    assert world.writes == 0
    require_open()


def test_the_question_is_asked_within_its_block_alone() -> None:
    def closed() -> None:
        raise ReportedElsewhereError("another executor has reported it")

    with fenced(closed), pytest.raises(ReportedElsewhereError):
        require_open()
    require_open()
