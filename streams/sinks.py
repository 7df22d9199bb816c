"""Sinks: what tells another system of the engine's effects, and how each of them fares."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from schemas.effects import Effect


class Sink(Protocol):
    """Tells one other system of what the engine said, or asks it for humans' answers.

    `suture notifier` gives each sink a thread and a consumer group of its own, so a sink may block and need
    not be safe for threads. It is made anew with each process, and whatever it remembers is lost with it.

    Attributes:
        name: Short, and fixed for good: its consumer group, and with it its place in the log, hangs on it.
    """

    name: str

    def take(self, effect: Effect) -> None:
        """Tell of an effect, or leave it alone; return when the other side has it.

        Effects come in the order of their partition and at least once: again after a crash, a rebalance or
        an error. What is told must carry an id that is derived of the effect, so that twice is once.

        Raises:
            TransientActionError: The same effect is tried again after a pause, for as long as it takes;
                those behind it wait, other sinks do not.
            PermanentActionError: It can never be told: the effect is put onto `dead-letters` with the
                error's text, and the next one follows. So it is after RefusedActionError and SchemaError.
        """

    def turn(self) -> None:
        """Do what hangs on time, such as to ask for answers; called every few seconds between effects.

        It is called while an effect waits to be tried again, too.

        Raises:
            ActionError: It is logged and counted, and the next turn comes as usual.
        """


@runtime_checkable
class Closing(Protocol):
    """A sink that holds what has to be let go, such as a connection with a thread behind it."""

    def close(self) -> None:
        """Let go; called when the sink's thread ends, also by a defect."""


@dataclass(slots=True, kw_only=True)
class SinkHealth:
    """How a sink has fared since its process began.

    Attributes:
        told: Effects that it took, among them those that it left alone.
        failed: Attempts and turns that failed and come again.
        set_aside: Effects that it can never tell of; they are in `dead-letters`.
        skipped: Effects that were too old to be told.
        restarts: How often its thread ended by a defect or for want of Kafka, and began again.
        last_success: When an effect was taken last; None while none was.
        last_failure: When something failed last; None while nothing did.
        last_reason: What failed last, in words without secrets.
        failing_since: When the attempts at the present effect began to fail; None when they do not.
    """

    told: int = 0
    failed: int = 0
    set_aside: int = 0
    skipped: int = 0
    restarts: int = 0
    last_success: datetime | None = None
    last_failure: datetime | None = None
    last_reason: str = ""
    failing_since: datetime | None = None
