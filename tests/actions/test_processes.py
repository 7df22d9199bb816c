"""Undo and promotion of real processes, through the real executor."""

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from actions.executor import Executor, Patience
from actions.ledger import MemoryLedger
from actions.process_files import Workload
from actions.processes import Processes
from actions.signing import KeyRing
from schemas.codec import to_json
from schemas.keys import NO_TEMPLATE, TemplateHash
from schemas.orders import CommandKind, OutcomeKind
from schemas.releases import TargetKind
from tests.actions.local_processes import REPOSITORY, SupervisorProgram, eventually, ready, serving
from tests.actions.orders import a_command


class Times:
    """The clock for an executor that talks to real processes: moved by its own waiting."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)

    def sleep(self, seconds: float) -> None:
        threading.Event().wait(min(seconds, 0.05))
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def workload(supervisor: SupervisorProgram) -> Workload:
    workload = Workload(supervisor.root, "shop", "cart")
    workload.deploy(workload.register_template(serving("v1")), 3)
    workload.deploy_canary(workload.register_template(serving("v2")), 1)
    eventually(lambda: len(ready(workload)) == 3)
    return workload


V1, V2 = serving("v1").hash, serving("v2").hash


def an_executor(workload: Workload, rollout: timedelta = timedelta(minutes=5)) -> Executor:
    times = Times()
    return Executor(
        actuators={TargetKind.PROCESSES: Processes(workload.root)},
        keys=KeyRing({"k1": b"0123456789abcdef"}),
        clock=lambda: times.now,
        sleep=times.sleep,
        ledger=MemoryLedger(),
        clusters=frozenset({"default"}),
        patience=Patience(rollout=rollout),
    )


def templates(workload: Workload) -> list[TemplateHash]:
    return [one.template for one in ready(workload)]


def test_an_undo_ends_the_canary_and_runs_the_old_template_everywhere(workload: Workload) -> None:
    outcome = an_executor(workload).execute(a_command(V1, expected=V2))
    assert outcome.kind is OutcomeKind.DONE
    assert (outcome.template_before, outcome.template_after) == (V2, V1)
    assert templates(workload) == [V1, V1, V1]


def test_a_repeated_undo_changes_the_files_once(workload: Workload) -> None:
    command = a_command(V1, expected=V2)
    first = an_executor(workload).execute(command)
    after_first = workload.desired()
    # Another executor, which remembers nothing: the one that died.
    second = an_executor(workload).execute(command)
    assert (first.kind, second.kind) == (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE)
    assert first.id == second.id
    assert workload.desired() == after_first


def test_an_undo_of_something_that_was_replaced_meanwhile_is_refused(workload: Workload) -> None:
    v3 = workload.register_template(serving("v3"))
    workload.deploy_canary(v3, 1)
    outcome = an_executor(workload).execute(a_command(V1, expected=V2))
    assert outcome.kind is OutcomeKind.REFUSED
    assert f"runs template {v3} by now" in outcome.detail


def test_an_undo_to_an_unknown_template_fails_and_changes_nothing(workload: Workload) -> None:
    before = workload.desired()
    outcome = an_executor(workload).execute(a_command(TemplateHash("feedbeef00"), expected=V2))
    assert outcome.kind is OutcomeKind.FAILED
    assert "has no template feedbeef00" in outcome.detail
    assert workload.desired() == before


def test_a_promotion_gives_the_canary_every_instance(workload: Workload) -> None:
    outcome = an_executor(workload).execute(a_command(V2, kind=CommandKind.PROMOTE))
    assert outcome.kind is OutcomeKind.DONE, outcome.detail
    assert templates(workload) == [V2, V2, V2]
    desired = workload.desired()
    assert desired is not None
    assert (desired.stable, desired.canary) == (V2, NO_TEMPLATE)


def test_a_promotion_of_a_template_that_is_not_on_trial_is_refused(workload: Workload) -> None:
    other = workload.register_template(serving("v3"))
    outcome = an_executor(workload).execute(a_command(other, kind=CommandKind.PROMOTE))
    assert outcome.kind is OutcomeKind.REFUSED


def test_a_rehearsal_of_local_processes_writes_nothing(workload: Workload) -> None:
    before = workload.desired()
    for kind, template in ((CommandKind.UNDO, V1), (CommandKind.PROMOTE, V2)):
        command = replace(a_command(template, kind=kind), is_rehearsal=True)
        outcome = an_executor(workload).execute(command)
        assert outcome.kind is OutcomeKind.REHEARSED
        assert template in outcome.detail
    unknown = replace(a_command(TemplateHash("feedbeef00")), is_rehearsal=True)
    assert an_executor(workload).execute(unknown).kind is OutcomeKind.FAILED
    assert workload.desired() == before


def test_an_undo_without_a_supervisor_fails_in_time_and_says_so(
    workload: Workload, supervisor: SupervisorProgram
) -> None:
    supervisor.stop()
    outcome = an_executor(workload, timedelta(seconds=5)).execute(a_command(V1, expected=V2))
    assert outcome.kind is OutcomeKind.FAILED
    assert "no supervisor is running" in outcome.detail


DYING_EXECUTOR = """
import os, signal, sys
from pathlib import Path
from actions.processes import Processes
from schemas.codec import from_json
from schemas.orders import Command

when, root, command = sys.argv[1:]
real = Path.replace

def replace(self, target):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, target)
    os.kill(os.getpid(), signal.SIGKILL)

Path.replace = replace
Processes(Path(root)).carry_out(from_json(Command, command))
"""


@pytest.mark.parametrize(
    ("when", "kind"), [("before", OutcomeKind.DONE), ("after", OutcomeKind.ALREADY_DONE)]
)
def test_an_executor_killed_around_its_change_leaves_it_undone_or_done_and_no_lock(
    workload: Workload, when: str, kind: OutcomeKind
) -> None:
    before = workload.desired()
    command = a_command(V1, expected=V2)
    died = subprocess.run(
        [sys.executable, "-c", DYING_EXECUTOR, when, str(workload.root), to_json(command).decode()],
        cwd=REPOSITORY,
        check=False,
        timeout=60,
    )
    assert died.returncode == -signal.SIGKILL
    assert an_executor(workload).execute(command).kind is kind
    after = workload.desired()
    assert before is not None
    assert after is not None
    assert after.generation == before.generation + 1
