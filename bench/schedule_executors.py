"""Executors for schedules: forked processes that ask before and after each request whether they may go on.

A fork has everything imported, so that a kill and a successor cost milliseconds. Whoever holds the other
end of the pipe plays the log: it delivers commands, keeps outcomes, and decides who goes on when.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from actions.actuator import Actuator
from actions.errors import ActionError, TransientActionError
from actions.executor import Executor, Patience
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_targets import SERVED, KubernetesTargets
from actions.ledger import Ledger, MemoryLedger
from actions.signing import KeyRing
from schemas.keys import CommandId
from schemas.orders import Command, Outcome

CLUSTER = "default"
_WRITES = ("PATCH", "POST", "DELETE")
_PAUSE_S = 0.01
_SILENCE_S = 60.0
_PATIENCE = Patience(
    first_retry=timedelta(seconds=_PAUSE_S),
    longest_retry=timedelta(seconds=0.1),
    poll=timedelta(seconds=_PAUSE_S),
)

GO, LOSE = "go", "lose"
"""Answers to a request that waits: it goes on, or ends as if the connection had broken."""


@dataclass(frozen=True, slots=True)
class Before:
    """A request is about to be sent."""


@dataclass(frozen=True, slots=True)
class After:
    """A request was answered."""

    path: str
    is_write: bool
    is_accepted: bool


@dataclass(frozen=True, slots=True)
class Question:
    """The ledger wants the outcomes that it has not seen yet."""

    known: int


Message = Before | After | Question | Outcome

MakeExecutor = Callable[[KubernetesApi, Ledger], Executor]


class SteppedApi(KubernetesApi):
    """Asks before and after each request."""

    pipe: Connection

    def _bytes(self, what: str, method: str, path: str, *more: Any) -> bytes:
        self._step(what, Before())
        is_write = method in _WRITES
        try:
            data = super()._bytes(what, method, path, *more)
        except ActionError:
            self._step(what, After(path, is_write, is_accepted=False))
            raise
        self._step(what, After(path, is_write, is_accepted=True))
        return data

    def _step(self, what: str, message: Message) -> None:
        self.pipe.send(message)
        if self.pipe.recv() == LOSE:
            raise TransientActionError(f"{what}: the API server cannot be reached: the connection broke")


class PipedLedger:
    """What stands on the log at the moment of the question."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._memory, self._known = pipe, MemoryLedger(), 0

    def outcome(self, command: CommandId) -> Outcome | None:
        """Return the outcome of a command that ended, or None."""
        self._pipe.send(Question(self._known))
        for outcome in self._pipe.recv():
            self._memory.record(outcome)
            self._known += 1
        return self._memory.outcome(command)

    def record(self, outcome: Outcome) -> None:
        """Leave it to the log, as the deployed ledger does."""


def deployed(api: KubernetesApi, ledger: Ledger, targets: Actuator | None = None) -> Executor:
    """Return the executor as it is deployed, in more of a hurry; `targets` take the place of the verbs."""
    return Executor(
        actuators=dict.fromkeys(SERVED, targets or KubernetesTargets(api)),
        keys=KeyRing({"schedules": b"0123456789abcdef"}),
        clock=lambda: datetime.now(UTC),  # noqa: TID251  # a real cluster lives in real time
        sleep=lambda seconds: time.sleep(min(seconds, _PAUSE_S)),
        ledger=ledger,
        clusters=frozenset({CLUSTER}),
        patience=_PATIENCE,
    )


@dataclass
class Hand:
    """One executor's process, and how far it is.

    Attributes:
        position: Its place in the lane.
        attempt: Which execution of all it is at.
        requests: Requests of that execution so far.
        heard: Outcomes on the log when it asked last.
        sleeps_until: It stands still until so many outcomes are on the log.
        waiting: What it waits with.
    """

    kubeconfig: Path
    make: MakeExecutor
    position: int
    attempt: int = -1
    requests: int = 0
    heard: int = 0
    sleeps_until: int = 0
    waiting: Message | None = None
    _pipe: Connection = field(init=False)
    _process: Any = field(init=False)

    def __post_init__(self) -> None:
        context = multiprocessing.get_context("fork")
        self._pipe, far = context.Pipe()
        self._process = context.Process(target=_serve, args=(far, self._pipe, self.kubeconfig, self.make))
        self._process.start()
        far.close()

    def execute(self, command: Command, attempt: int) -> None:
        """Deliver a command and go on to its first question."""
        self.attempt, self.requests = attempt, 0
        self.reply(command)

    def reply(self, answer: object) -> None:
        """Answer what it waits with, and go on to the next question.

        Raises:
            RuntimeError: it died, or is silent for a minute.
        """
        self._pipe.send(answer)
        if not self._pipe.poll(_SILENCE_S):
            raise RuntimeError(f"an executor said nothing for {_SILENCE_S:.0f} s")
        try:
            self.waiting = self._pipe.recv()
        except EOFError as error:
            raise RuntimeError("an executor died by itself, see its traceback") from error

    def end(self) -> None:
        """Kill the process, as the kernel would."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection, other: Connection, kubeconfig: Path, make: MakeExecutor) -> None:
    other.close()
    api = SteppedApi.connect(kubeconfig)
    api.pipe = pipe
    executor = make(api, PipedLedger(pipe))
    while True:
        pipe.send(executor.execute(pipe.recv()))
