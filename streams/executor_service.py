"""The executor's process: signed commands from Kafka to the world, outcomes back to Kafka.

A command's offset is committed when its outcome has arrived. Killed at any point, a successor is given the
command again, finds in the topic of outcomes that it ended, or finds in the world that it is done.
"""

import logging
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

from actions.actuator import Actuator
from actions.errors import PermanentActionError, SignatureError
from actions.executor import Executor, failed
from actions.processes import Processes
from actions.signing import KeyRing
from schemas.envelopes import SIGNATURE_HEADER, Message
from schemas.errors import SchemaError
from schemas.order_messages import outcome_message, read_command
from schemas.orders import Command, Outcome
from schemas.releases import TargetKind
from schemas.topics import Topic, topic_name
from streams import clock
from streams.executor_runbooks import kill_switch, runbook_actuators
from streams.ingest import dead_letter
from streams.kafka_log import GroupReader, LogError, LogWriter, Record, TopicTail
from streams.outcome_ledger import OutcomeLedger
from streams.settings import Settings

logger = logging.getLogger("suture.executor")

# Commands to one target wait for each other; so many targets are changed at once.
_AT_ONCE = 8


@dataclass(slots=True)
class _Lane:
    """The commands of one partition, carried out one after the other.

    Attributes:
        waiting: Records in the log's order.
        running: The one under way, and what will be its outcome.
    """

    waiting: deque[Record] = field(default_factory=deque)
    running: tuple[Record, Future[Outcome]] | None = None


class ExecutorService:
    """Moves commands to an executor and outcomes back.

    Args:
        settings: How this installation runs.
        keys: Verifies commands and signs outcomes.
        executor: What carries them out.
    """

    def __init__(self, settings: Settings, keys: KeyRing, executor: Executor) -> None:
        self._keys, self._executor = keys, executor
        commands = topic_name(Topic.COMMANDS, settings.prefix)
        self._reader = GroupReader(
            settings.bootstrap, [commands], f"{settings.prefix}suture-executor", instance=settings.instance
        )
        self._writer = LogWriter(settings.bootstrap, settings.prefix)
        self._pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="action")
        self._lanes: dict[tuple[str, int], _Lane] = {}

    def run(self, stop: Event) -> None:
        """Carry commands out until told to stop; what is under way is finished first."""
        try:
            while not stop.is_set() or any(lane.running for lane in self._lanes.values()):
                busy = any(lane.running for lane in self._lanes.values())
                for record in self._reader.poll(timeout_ms=50 if busy else 500):
                    self._lanes.setdefault((record.topic, record.partition), _Lane()).waiting.append(record)
                for place, lane in self._lanes.items():
                    self._advance(place, lane, may_start=not stop.is_set())
        finally:
            self._pool.shutdown()
            self._reader.close()
            self._writer.close()

    def _advance(self, place: tuple[str, int], lane: _Lane, *, may_start: bool) -> None:
        if lane.running is not None:
            record, future = lane.running
            if not future.done():
                return
            lane.running = None
            self._report(self._outcome(record, future))
            self._reader.commit({place: record.offset + 1})
        while may_start and lane.waiting and lane.running is None:
            record = lane.waiting.popleft()
            command = self._command(record)
            if command is None:
                self._reader.commit({place: record.offset + 1})
                continue
            lane.running = (record, self._pool.submit(self._executor.execute, command))

    def _outcome(self, record: Record, future: Future[Outcome]) -> Outcome:
        error = future.exception()
        if error is None or isinstance(error, LogError):
            return future.result()
        # A bug. Dying of it would mean dying of the same command for ever, with nobody paged.
        logger.error("action failed unexpectedly", exc_info=error, extra={"offset": record.offset})
        command = read_command(record.value)
        at = clock.now()
        return failed(command, f"the executor failed with {type(error).__name__}, see its log", at, at)

    def _command(self, record: Record) -> Command | None:
        try:
            self._keys.verify(record.value or b"", dict(record.headers).get(SIGNATURE_HEADER))
            return read_command(record.value)
        except (SignatureError, SchemaError) as error:
            logger.warning("command refused", extra={"partition": record.partition, "offset": record.offset})
            self._writer.send(dead_letter(Topic.COMMANDS, record, str(error)))
            self._writer.flush()
            return None

    def _report(self, outcome: Outcome) -> None:
        message = outcome_message(outcome)
        header = (SIGNATURE_HEADER, self._keys.sign(message.value))
        self._writer.send(
            Message(topic=message.topic, key=message.key, value=message.value, headers=(header,))
        )
        self._writer.flush()
        logger.info(
            "command ended",
            extra={"command": outcome.command, "outcome": outcome.kind.value, "target": outcome.target.key},
        )


def run_executor(settings: Settings, keys: KeyRing, stop: Event) -> None:
    """Run an executor until told to stop.

    Raises:
        LogError: Kafka cannot be reached.
        RunbookFileError: the list of runbooks has mistakes.
    """
    tail = TopicTail(settings.bootstrap, topic_name(Topic.OUTCOMES, settings.prefix))
    ledger = OutcomeLedger(tail, keys)
    executor = Executor(
        actuators=_actuators(settings),
        keys=keys,
        clock=clock.now,
        sleep=time.sleep,
        ledger=ledger,
        clusters=frozenset(settings.clusters),
        runbooks=runbook_actuators(settings),
        kill_switch=kill_switch(settings),
    )
    try:
        ExecutorService(settings, keys, executor).run(stop)
    finally:
        ledger.close()


def _actuators(settings: Settings) -> Mapping[TargetKind, Actuator]:
    """Return what this executor can change: local processes where a folder names them, and a cluster."""
    found: dict[TargetKind, Actuator] = {}
    if settings.processes is not None:
        found[TargetKind.PROCESSES] = Processes(settings.processes)
    try:
        from actions.kubernetes_api import KubernetesApi
        from actions.kubernetes_targets import SERVED, KubernetesTargets
        from streams.gitops import owners_of
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("kubernetes", "urllib3"):
            # Ours: an executor that served nothing because of it would refuse every order.
            raise
        logger.warning("no Kubernetes client, expected the extra suture[kubernetes]: clusters are not served")
        return found
    try:
        cluster = KubernetesTargets(KubernetesApi.connect(), owners_of(settings.gitops))
    except PermanentActionError as error:
        logger.warning("no cluster: only local processes are served", extra={"reason": str(error)})
        return found
    return {**found, **dict.fromkeys(SERVED, cluster)}
