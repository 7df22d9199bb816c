from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from actions.actuator import Progress
from actions.errors import (
    PermanentActionError,
    RefusedActionError,
    SignatureError,
    TransientActionError,
)
from actions.executor import Executor, Patience
from actions.ledger import FileLedger, Ledger, MemoryLedger
from actions.signing import KeyRing
from schemas.codec import to_json
from schemas.errors import SchemaError
from schemas.keys import TemplateHash
from schemas.orders import Command, CommandKind, OutcomeKind
from schemas.releases import TargetKind
from tests.actions.orders import MINUTE, NEW, NOW, OLD, a_command, a_target

KEYS = KeyRing({"k1": b"0123456789abcdef"})


class World:
    """A workload in memory, with a clock that moves when somebody waits.

    Attributes:
        troubles: Errors that the next asks raise, in turn.
        rollout_takes: How long the workload needs after a change.
        said: Last lines of a Job.
    """

    def __init__(self) -> None:
        self.now = NOW
        self.template = NEW
        self.changed_at: datetime | None = None
        self.changes = 0
        self.rollout_takes = timedelta(0)
        self.troubles: list[Exception] = []
        self.on_look: Callable[[], None] = lambda: None
        self.said: tuple[str, ...] = ()

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def read_back(self, command: Command) -> Progress:
        self._ask()
        self.on_look()
        is_set = self.template == command.template
        is_done = is_set and (self.changed_at is None or self.now - self.changed_at >= self.rollout_takes)
        return Progress(
            is_set=is_set, is_done=is_done, template=self.template, detail="as it is", log_tail=self.said
        )

    def carry_out(self, command: Command) -> str:
        self._ask()
        if self.template == command.template:
            return "already"
        if command.expected_template not in ("", self.template):
            raise RefusedActionError(f"template {self.template} runs by now")
        self.template, self.changed_at = command.template, self.now
        self.changes += 1
        return f"to {command.template}"

    def _ask(self) -> None:
        if self.troubles:
            raise self.troubles.pop(0)


@pytest.fixture
def world() -> World:
    return World()


def an_executor(world: World, ledger: Ledger | None = None) -> Executor:
    return Executor(
        actuators={TargetKind.PROCESSES: world},
        keys=KEYS,
        clock=lambda: world.now,
        sleep=world.sleep,
        ledger=ledger or MemoryLedger(),
        clusters=frozenset({"default"}),
        patience=Patience(rollout=timedelta(minutes=10)),
    )


def test_a_command_is_carried_out_and_the_world_read_back(world: World) -> None:
    world.rollout_takes = timedelta(seconds=30)
    outcome = an_executor(world).execute(a_command(expected=NEW))
    assert outcome.kind is OutcomeKind.DONE
    assert (outcome.template_before, outcome.template_after) == (NEW, OLD)
    assert outcome.at - outcome.started_at >= timedelta(seconds=30)


def test_a_command_delivered_twice_is_carried_out_once_and_answers_the_same(world: World) -> None:
    executor = an_executor(world)
    first = executor.execute(a_command())
    world.template = NEW
    assert executor.execute(a_command()) == first
    assert world.changes == 1


def test_a_command_that_comes_again_after_the_executor_died_finds_its_work_done(world: World) -> None:
    world.carry_out(a_command())
    outcome = an_executor(world).execute(a_command())
    assert outcome.kind is OutcomeKind.ALREADY_DONE
    assert world.changes == 1


def test_a_stale_command_is_refused_unless_its_work_is_done(world: World) -> None:
    world.now += 5 * MINUTE
    refused = an_executor(world).execute(a_command())
    assert refused.kind is OutcomeKind.REFUSED
    assert "the command expired at" in refused.detail
    assert world.changes == 0
    world.template = OLD
    assert an_executor(world).execute(a_command()).kind is OutcomeKind.ALREADY_DONE


def test_a_command_for_another_cluster_or_kind_of_target_is_refused(world: World) -> None:
    elsewhere = replace(a_target(), cluster="moon")
    outcome = an_executor(world).execute(a_command(target=elsewhere))
    assert outcome.kind is OutcomeKind.REFUSED
    assert "cluster moon, this executor serves default" in outcome.detail
    other = an_executor(world).execute(a_command(target=a_target(TargetKind.DEPLOYMENT)))
    assert other.kind is OutcomeKind.REFUSED


def test_errors_that_may_pass_are_tried_again_later_each_time(world: World) -> None:
    world.troubles = [TransientActionError("503"), TransientActionError("429", retry_after_s=20)]
    outcome = an_executor(world).execute(a_command())
    assert outcome.kind is OutcomeKind.DONE
    assert world.now - NOW >= timedelta(seconds=20.5)


def test_errors_that_do_not_pass_end_with_the_commands_life(world: World) -> None:
    world.troubles = [TransientActionError("undo: 503")] * 1000
    outcome = an_executor(world).execute(a_command())
    assert outcome.kind is OutcomeKind.FAILED
    assert "undo: 503 (after" in outcome.detail
    assert world.now <= NOW + 5 * MINUTE


def test_a_permanent_error_fails_at_once_with_its_words(world: World) -> None:
    world.troubles = [PermanentActionError("undo of shop/cart: 403 Forbidden")]
    outcome = an_executor(world).execute(a_command())
    assert (outcome.kind, outcome.detail) == (OutcomeKind.FAILED, "undo of shop/cart: 403 Forbidden")
    assert world.now == NOW


def test_a_rollout_that_never_completes_fails_in_the_end(world: World) -> None:
    world.rollout_takes = timedelta(days=1)
    outcome = an_executor(world).execute(a_command())
    assert outcome.kind is OutcomeKind.FAILED
    assert "not complete after 0:10:00" in outcome.detail


def test_a_command_may_say_itself_how_long_it_may_take(world: World) -> None:
    world.rollout_takes = timedelta(minutes=5)
    outcome = an_executor(world).execute(replace(a_command(), timeout_s=60))
    assert outcome.kind is OutcomeKind.FAILED
    assert "undo of default/shop/cart is not complete after 0:01:00" in outcome.detail


def test_the_last_lines_of_a_job_are_kept_however_it_ended(world: World) -> None:
    world.said = ("moved <n> tables",)
    assert an_executor(world).execute(a_command()).log_tail == ("moved <n> tables",)
    world.troubles = [PermanentActionError("it failed", log_tail=("no such table",))]
    assert an_executor(world).execute(a_command(name="c2")).log_tail == ("no such table",)


def test_somebody_who_changes_the_target_during_the_rollout_is_noticed(world: World) -> None:
    world.rollout_takes = timedelta(minutes=1)

    def meddle() -> None:
        if world.now > NOW + timedelta(seconds=10):
            world.template = TemplateHash("other")

    world.on_look = meddle
    outcome = an_executor(world).execute(a_command())
    assert outcome.kind is OutcomeKind.FAILED
    assert "somebody changed default/shop/cart" in outcome.detail


def test_a_target_that_is_not_what_the_command_expects_is_left_alone(world: World) -> None:
    outcome = an_executor(world).execute(a_command(expected=TemplateHash("else")))
    assert outcome.kind is OutcomeKind.REFUSED
    assert world.changes == 0


def test_a_bug_is_not_an_outcome(world: World) -> None:
    world.troubles = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        an_executor(world).execute(a_command())


def test_a_promotion_goes_the_same_way(world: World) -> None:
    outcome = an_executor(world).execute(a_command(kind=CommandKind.PROMOTE))
    assert (outcome.kind, outcome.command_kind) == (OutcomeKind.DONE, CommandKind.PROMOTE)


def test_a_signed_command_is_read_and_an_unsigned_or_foreign_value_is_not(world: World) -> None:
    executor, value = an_executor(world), to_json(a_command())
    assert executor.verify(value, KEYS.sign(value)) == a_command()
    with pytest.raises(SignatureError, match="not signed"):
        executor.verify(value, None)
    with pytest.raises(SignatureError, match="does not fit"):
        executor.verify(value + b" ", KEYS.sign(value))
    with pytest.raises(SchemaError):
        executor.verify(b"{}", KEYS.sign(b"{}"))


def test_a_file_ledger_remembers_across_restarts_and_past_a_torn_line(world: World, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    first = an_executor(world, FileLedger(path)).execute(a_command())
    with path.open("ab") as file:
        file.write(b'{"id": "torn')
    second = FileLedger(path)
    assert second.outcome(a_command().id) == first
    assert an_executor(world, second).execute(a_command(name="c2")).kind is OutcomeKind.ALREADY_DONE
    assert len(path.read_bytes().splitlines()) == 2


def test_a_file_ledger_with_a_broken_line_in_its_middle_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b"{}\n{}\n")
    with pytest.raises(SchemaError):
        FileLedger(path)


def test_a_ledger_forgets_the_oldest_first(world: World) -> None:
    ledger = MemoryLedger(limit=2)
    for number in range(3):
        an_executor(world, ledger).execute(a_command(name=f"c{number}"))
    known = [ledger.outcome(a_command(name=f"c{number}").id) is not None for number in range(3)]
    assert known == [False, True, True]
