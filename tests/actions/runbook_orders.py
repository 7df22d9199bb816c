"""Commands that run a runbook, and an executor of one kind of them that remembers nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event

from actions.actuator import Actuator
from actions.executor import Executor, Patience
from actions.ledger import MemoryLedger
from actions.signing import KeyRing
from schemas.orders import Command, CommandKind, Outcome
from schemas.releases import TargetKind
from schemas.verbs import RunbookCall
from tests.actions.orders import NOW, a_command, a_target

KEYS = KeyRing({"k1": b"0123456789abcdef"})


def a_call(
    kind: CommandKind,
    name: str,
    arguments: dict[str, str] | None = None,
    *,
    command: str = "c1",
    timeout_s: int = 120,
    is_rehearsal: bool = False,
) -> Command:
    return replace(
        a_command(target=a_target(TargetKind.DEPLOYMENT), name=command),
        kind=kind,
        runbook=RunbookCall(name=name, arguments=arguments or {}),
        timeout_s=timeout_s,
        is_rehearsal=is_rehearsal,
    )


def executed(
    command: Command,
    actuator: Actuator,
    kill_switch: Callable[[], str] = lambda: "",
    clock: Callable[[], datetime] | None = None,
) -> Outcome:
    """Execute a command as an executor that has just started; its clock is moved by its own waiting."""
    moment = [NOW]

    def sleep(seconds: float) -> None:
        Event().wait(min(seconds, 0.02))
        moment[0] += timedelta(seconds=seconds)

    return Executor(
        actuators={},
        runbooks={command.kind: actuator},
        keys=KEYS,
        clock=clock or (lambda: moment[0]),
        sleep=sleep,
        ledger=MemoryLedger(),
        clusters=frozenset({"default"}),
        patience=Patience(rollout=timedelta(minutes=2)),
        kill_switch=kill_switch,
    ).execute(command)
