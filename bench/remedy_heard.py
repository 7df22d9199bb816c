"""What the product says of each service while it is tried, with the second at which it was heard."""

import threading
import time
from dataclasses import dataclass, field

from schemas.effect_messages import read_effect
from schemas.effects import Said
from schemas.errors import SchemaError
from schemas.judgements import Recovery, RecoveryKind, VerdictKind
from schemas.observations import FailureCleared, FailureSeen, OutcomeReported, VerdictReached
from schemas.orders import Command, Denied, Held, OutcomeKind, Page
from schemas.topics import Topic, topic_name
from streams.kafka_log import TopicTail
from streams.settings import Settings

_LOOK_SECONDS = 0.2


@dataclass(slots=True, kw_only=True)
class Account:
    """What was said of one service; instants are of the monotonic clock, when it was heard.

    Attributes:
        noticed: When a failure, or a harmful verdict, was first heard of.
        pattern: Which.
        ordered: When the first order was heard of.
        orders: Verb and playbook of each order.
        done: When the last order was done.
        failures: Outcomes that were neither done nor done already, as sentences.
        recovered: When the product first said that the service recovered.
        withheld: What was held or denied, and pages, as sentences.
    """

    noticed: float | None = None
    pattern: str = ""
    ordered: float | None = None
    orders: list[str] = field(default_factory=list)
    done: float | None = None
    failures: list[str] = field(default_factory=list)
    recovered: float | None = None
    withheld: list[str] = field(default_factory=list)

    def hear(self, said: Said, now: float) -> None:
        """Take in one thing that was said of the service."""
        match said:
            case FailureSeen(failure=failure):
                self._notice(failure.pattern, now)
            case VerdictReached(verdict=verdict) if verdict.kind is VerdictKind.HARMFUL:
                self._notice(verdict.kind, now)
            case Command():
                self.ordered = self.ordered or now
                self.orders.append(f"{said.kind} by {said.remedy.playbook if said.remedy else 'nobody'}")
            case OutcomeReported(outcome=outcome):
                if outcome.kind in (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE):
                    self.done = now
                else:
                    self.failures.append(f"{outcome.command_kind} {outcome.kind}: {outcome.detail}")
            case Recovery(kind=RecoveryKind.RECOVERED):
                self.recovered = self.recovered or now
            case Held() | Denied():
                self.withheld.append(f"{type(said).__name__.lower()}: {said.reason}")
            case Page():
                self.withheld.append(f"page: {said.summary}")
            case _:
                return

    def _notice(self, pattern: str, now: float) -> None:
        if self.noticed is None:
            self.noticed, self.pattern = now, pattern


class Listener:
    """Reads effects in a thread for the length of a `with` block.

    Args:
        settings: Where the topic is.
    """

    def __init__(self, settings: Settings) -> None:
        self._tail = TopicTail(settings.bootstrap, topic_name(Topic.EFFECTS, settings.prefix))
        self._accounts: dict[str, Account] = {}
        self._seen: set[tuple[object, int]] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="listener", daemon=True)

    def __enter__(self) -> "Listener":
        """Begin to listen."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join(10.0)
        self._tail.close()

    def account(self, service: str) -> Account:
        """Return what was said of a service so far; it goes on changing."""
        with self._lock:
            return self._accounts.setdefault(service, Account())

    def _listen(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            for record in self._tail.new_records():
                self._take(record.value)

    def _take(self, value: bytes | None) -> None:
        try:
            effect = read_effect(value)
        except SchemaError:
            return
        place = (effect.cause, effect.index)
        service = service_of(effect.said)
        if service and place not in self._seen:
            self._seen.add(place)
            self.account(service).hear(effect.said, time.monotonic())


def service_of(said: Said) -> str:
    """Return the service that something was said of; "" for what is not of interest here."""
    match said:
        case FailureSeen():
            return said.failure.service
        case VerdictReached():
            return said.verdict.service
        case OutcomeReported():
            return said.outcome.service
        case FailureCleared() | Command() | Recovery() | Held() | Denied():
            return said.service
        case Page():
            return said.service or ""
        case _:
            return ""
