from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from actions.actuator import Progress
from actions.errors import (
    HandedOverError,
    NotAllowedActionError,
    PermanentActionError,
    RefusedActionError,
    SignatureError,
    TransientActionError,
)
from actions.executor import Executor, Patience
from actions.fence import require_open
from actions.ledger import FileLedger, Ledger, MemoryLedger
from actions.signing import KeyRing
from schemas.codec import to_json
from schemas.errors import SchemaError
from schemas.keys import CommandId, TemplateHash
from schemas.orders import Command, CommandKind, Outcome, OutcomeKind
from schemas.releases import TargetKind
from schemas.verbs import Awaited, OwnerKind, Ownership, RemedyStep, RunbookCall
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
        self.ownership: Ownership | None = None
        self.is_begun = False

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def read_back(self, command: Command) -> Progress:
        self._ask()
        self.on_look()
        is_set = self.template == command.template
        is_done = is_set and (self.changed_at is None or self.now - self.changed_at >= self.rollout_takes)
        return Progress(
            is_set=is_set,
            is_done=is_done,
            template=self.template,
            detail="as it is",
            log_tail=self.said,
            ownership=self.ownership,
            is_begun=self.is_begun,
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

    def rehearse(self, command: Command) -> str:
        self._ask()
        if command.expected_template not in ("", self.template):
            raise RefusedActionError(f"template {self.template} runs by now")
        return f"to {command.template}"

    def _ask(self) -> None:
        if self.troubles:
            raise self.troubles.pop(0)


@pytest.fixture
def world() -> World:
    return World()


def an_executor(
    world: World, ledger: Ledger | None = None, kill_switch: Callable[[], str] = lambda: ""
) -> Executor:
    return Executor(
        actuators={TargetKind.PROCESSES: world},
        runbooks={CommandKind.RUN_SCRIPT: world},
        kill_switch=kill_switch,
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


def test_a_runbook_is_chosen_by_the_commands_kind_whatever_its_target(world: World) -> None:
    call = RunbookCall(name="clear-cache")
    command = replace(a_command(target=a_target(TargetKind.DEPLOYMENT)), runbook=call)
    outcome = an_executor(world).execute(replace(command, kind=CommandKind.RUN_SCRIPT))
    assert (outcome.kind, world.changes) == (OutcomeKind.DONE, 1)
    refused = an_executor(world).execute(replace(command, kind=CommandKind.CALL_HTTP))
    assert refused.kind is OutcomeKind.REFUSED
    assert refused.detail == (
        "call_http for default/shop/cart: this executor's installation lists run_script"
    )


def test_what_a_command_is_a_step_of_and_awaits_stands_in_its_outcome(world: World) -> None:
    remedy = RemedyStep(playbook="restart@1", index=0, step="restart")
    command = replace(a_command(), remedy=remedy, awaited=Awaited(within_s=60))
    for moment in (NOW, NOW + 5 * MINUTE):
        world.now = moment
        outcome = an_executor(world).execute(command)
        assert (outcome.remedy, outcome.awaited) == (remedy, Awaited(within_s=60))


def test_who_owns_the_target_stands_in_the_outcome(world: World) -> None:
    world.ownership = Ownership(owner=OwnerKind.HELM, name="Release shop/cart")
    assert an_executor(world).execute(a_command()).ownership == world.ownership


def test_a_change_that_is_left_to_the_owner_ends_as_handed_over(world: World) -> None:
    ownership = Ownership(owner=OwnerKind.FLUX, link="https://git.example.org/shop/pulls/7")
    world.troubles = [HandedOverError("Flux would write it again", ownership)]
    outcome = an_executor(world).execute(a_command())
    assert (outcome.kind, outcome.ownership) == (OutcomeKind.HANDED_OVER, ownership)
    assert world.changes == 0


def test_a_rehearsal_says_what_would_be_changed_and_changes_nothing(world: World) -> None:
    rehearsal = replace(a_command(expected=NEW), is_rehearsal=True)
    outcome = an_executor(world).execute(rehearsal)
    assert (outcome.kind, outcome.detail) == (OutcomeKind.REHEARSED, f"would change: to {OLD}")
    assert (outcome.template_before, outcome.template_after, world.changes) == (NEW, NEW, 0)
    world.template = OLD
    assert an_executor(world).execute(rehearsal).detail == "nothing to change: as it is"


@pytest.mark.parametrize("is_rehearsal", [False, True])
def test_a_rehearsal_is_refused_and_fails_where_the_real_thing_would(
    world: World, is_rehearsal: bool
) -> None:
    def kind(expected: TemplateHash = NEW, kill_switch: str = "", trouble: Exception | None = None) -> str:
        command = replace(a_command(expected=expected), is_rehearsal=is_rehearsal)
        world.troubles = [trouble] if trouble else []
        return an_executor(world, kill_switch=lambda: kill_switch).execute(command).kind

    assert kind(expected=TemplateHash("else")) == "refused"
    assert kind(kill_switch="the database is moving") == "refused"
    assert kind(trouble=PermanentActionError("403 Forbidden")) == "failed"
    assert kind(trouble=TransientActionError("429", retry_after_s=3600)) == "failed"
    world.now += 5 * MINUTE
    assert kind() == "refused"


def test_a_kill_switch_that_is_on_refuses_every_change_and_says_why(world: World) -> None:
    outcome = an_executor(world, kill_switch=lambda: "the database is moving (ann)").execute(a_command())
    assert outcome.kind is OutcomeKind.REFUSED
    assert outcome.detail.startswith(
        "undo of default/shop/cart: the kill switch is on: the database is moving (ann)"
    )
    assert world.changes == 0


def test_a_kill_switch_stops_the_retries_of_a_change_at_once(world: World) -> None:
    world.troubles = [TransientActionError("503")] * 1000
    executor = an_executor(world, kill_switch=lambda: "stop" if world.now > NOW + MINUTE else "")
    assert executor.execute(a_command()).kind is OutcomeKind.REFUSED
    assert world.now < NOW + 2 * MINUTE


def test_what_is_changed_when_the_kill_switch_comes_on_is_read_back_to_its_end(world: World) -> None:
    world.rollout_takes = timedelta(minutes=2)
    executor = an_executor(world, kill_switch=lambda: "stop" if world.changes else "")
    assert executor.execute(a_command()).kind is OutcomeKind.DONE
    assert world.template == OLD


def test_a_try_that_reached_the_world_before_the_kill_switch_came_on_is_found(world: World) -> None:
    class Deaf(World):
        def carry_out(self, command: Command) -> str:
            super().carry_out(command)
            raise TransientActionError("the answer was lost")

    deaf = Deaf()
    executor = an_executor(deaf, kill_switch=lambda: "stop" if deaf.changes else "")
    outcome = executor.execute(a_command())
    assert (outcome.kind, outcome.detail) == (
        OutcomeKind.DONE,
        "an earlier try had changed it; as it is",
    )


@pytest.mark.parametrize(("after", "kind"), [(0, OutcomeKind.REFUSED), (1, OutcomeKind.FAILED)])
def test_a_kill_switch_is_asked_before_each_write_of_a_change(after: int, kind: OutcomeKind) -> None:
    class TwoWrites(World):
        writes, is_on = 0, False

        def carry_out(self, command: Command) -> str:
            for number in range(2):
                self.is_on = number == after
                require_open()
                self.writes += 1
            return super().carry_out(command)

    two = TwoWrites()
    outcome = an_executor(two, kill_switch=lambda: "stop" if two.is_on else "").execute(a_command())
    assert (outcome.kind, two.writes) == (kind, after)
    assert "the kill switch is on: stop" in outcome.detail
    assert ("after a part of it was changed" in outcome.detail) == bool(after)


def test_a_kill_switch_that_comes_on_while_the_ledger_is_waited_for_stops_the_write() -> None:
    class Fenced(World):
        asks, writes = 0, 0

        def carry_out(self, command: Command) -> str:
            self.asks += 1
            require_open()
            self.writes += 1
            return super().carry_out(command)

    class LedgerBehindALostBroker(MemoryLedger):
        is_on = False

        def outcome(self, command: CommandId) -> Outcome | None:
            self.is_on = bool(fenced.asks)
            return super().outcome(command)

    fenced, ledger = Fenced(), LedgerBehindALostBroker()
    stop = an_executor(fenced, ledger, kill_switch=lambda: "stop" if ledger.is_on else "")
    outcome = stop.execute(a_command())
    assert (outcome.kind, fenced.writes) == (OutcomeKind.REFUSED, 0)


def test_what_was_begun_and_may_not_go_on_has_failed_and_was_not_merely_refused(world: World) -> None:
    world.is_begun = True
    outcome = an_executor(world, kill_switch=lambda: "stop").execute(a_command())
    assert outcome.kind is OutcomeKind.FAILED
    assert "the kill switch is on: stop; as it is" in outcome.detail


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
    with pytest.raises(SignatureError, match="names key k2, known here are k1"):
        executor.verify(value, KeyRing({"k2": b"0123456789abcdef"}).sign(value))
    with pytest.raises(SignatureError, match="does not fit"):
        executor.verify(value, KeyRing({"k1": b"another-secret-1"}).sign(value))
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


def test_a_server_that_has_just_started_and_knows_nobodys_rights_is_waited_for(world: World) -> None:
    world.troubles = [NotAllowedActionError("403 Forbidden") for _ in range(4)]
    outcome = an_executor(world).execute(a_command())
    assert outcome.kind is OutcomeKind.DONE
    assert world.changes == 1


def test_a_right_that_is_missing_for_longer_is_said_in_the_servers_words(world: World) -> None:
    world.troubles = [NotAllowedActionError("403 Forbidden") for _ in range(40)]
    outcome = an_executor(world).execute(a_command())
    assert (outcome.kind, outcome.detail) == (OutcomeKind.FAILED, "403 Forbidden")
    assert outcome.at - outcome.started_at == Patience().not_allowed
