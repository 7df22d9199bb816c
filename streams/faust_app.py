"""The Faust workers: ingest and judge in one, the environments' gate in the other.

The one door to Faust. Agents only move messages; what is decided, `Engine` decides. An exception that
escaped an agent would be acknowledged and its event lost, so none does: what cannot be handled is
dead-lettered, and a send that fails ends the process, whose successor goes on from the log.
"""

import asyncio
import logging
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NoReturn

import faust
from faust.exceptions import ProducerSendError

from actions.errors import SignatureError
from actions.signing import KeyRing
from schemas.codec import digest
from schemas.effect_proofs import proof_headers
from schemas.envelopes import SIGNATURE_HEADER, Message
from schemas.errors import SchemaError
from schemas.observation_messages import observation_message
from schemas.observations import SettingsChanged, Tick
from schemas.order_messages import command_message
from schemas.policy import Policy
from schemas.topics import Topic, topic_name
from streams import clock
from streams.code_version import code_digest
from streams.ingest import dead_letter, ingest
from streams.kafka_log import MAX_REQUEST_BYTES, LogError, RangeReader, Record
from streams.routing import commands_from, messages_from
from streams.runtime import Runtime, Step
from streams.settings import Settings
from streams.watermark import Watermark

logger = logging.getLogger("suture.worker")

PUBLIC = (Topic.CDEVENTS, Topic.OTLP_METRICS, Topic.OTLP_LOGS, Topic.REMOTE_WRITE)
EXIT_SEND_FAILED = 70
_READ_AGAIN_SECONDS = 1.0


class KafkaRanges:
    """The ordered topics and snapshots of one installation, read without a group."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._reader, self._prefix = RangeReader(bootstrap), prefix

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterable[Record]:
        """Yield a partition's entries from `start` up to before `stop`."""
        if start >= stop:
            return ()
        return self._reader.read(topic_name(Topic(topic), self._prefix), partition, start, stop)

    def snapshots(self, partition: int) -> Iterable[Record]:
        """Yield one partition of the snapshots topic."""
        return self._reader.read(topic_name(Topic.SNAPSHOTS, self._prefix), partition)


class Outbox:
    """Sends through the app's producer and remembers what has not arrived yet, by partition of its cause."""

    def __init__(self, app: Any, prefix: str) -> None:
        self._app, self._prefix = app, prefix
        self._pending: dict[tuple[str, int], set[Any]] = defaultdict(set)

    async def send(
        self, message: Message, cause: tuple[str, int], partition: int | None = None
    ) -> Awaitable[Any]:
        """Hand a message to the producer; does not wait until it has arrived."""
        try:
            future: Any = await self._app.producer.send(
                topic_name(message.topic, self._prefix),
                message.key,
                message.value,
                partition,
                None,
                list(message.headers),
            )
        except ProducerSendError as error:
            _die(message.topic, error)
        pending = self._pending[cause]
        pending.add(future)
        future.add_done_callback(partial(self._arrived, pending))
        return future  # type: ignore[no-any-return]  # Faust hands out the driver's own future

    async def arrived(self, cause: tuple[str, int]) -> None:
        """Wait until everything sent because of one partition has arrived."""
        pending = self._pending[cause]
        while pending:
            await asyncio.wait(list(pending))

    @staticmethod
    def _arrived(pending: set[Any], future: Any) -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if error is not None:
            _die("a topic", error)
        pending.discard(future)


def _die(topic: str, error: BaseException) -> NoReturn:
    """End the process: what was said is lost to it, and only the log can say it again, to a new one."""
    logger.critical("send failed", extra={"topic": topic, "error": type(error).__name__})
    logging.shutdown()
    os._exit(EXIT_SEND_FAILED)


class OrderedShell:
    """Runs the engines of one ordered topic inside a Faust app."""

    def __init__(
        self,
        app: Any,
        topic: Topic,
        settings: Settings,
        policy: Policy,
        keys: KeyRing | None,
        watermark: Watermark | None = None,
    ) -> None:
        self._app, self._topic, self._settings, self._policy = app, topic, settings, policy
        self._name = topic_name(topic, settings.prefix)
        self._public = tuple(topic_name(public, settings.prefix) for public in PUBLIC)
        self._keys = keys
        self._watermark = watermark
        self._outbox = Outbox(app, settings.prefix)
        self._runtime = Runtime(topic.value, KafkaRanges(settings.bootstrap, settings.prefix))
        self._saved_at: dict[int, float] = {}
        self._told: set[int] = set()

    async def run(self, stream: Any) -> None:
        """Apply the topic's entries, one after the other.

        An entry is acknowledged when all that was said because of it has arrived, so that the group's
        committed offset tells how far the world has heard; nothing is restored by it.
        """
        async for event in stream.noack().events():
            sent = await self.take(_record(event.message))
            _acknowledge(event, sent)

    async def take(self, record: Record) -> list[Awaitable[Any]]:
        """Apply one entry, after whatever lies between it and what was applied last; return what was sent."""
        sent: list[Awaitable[Any]] = []
        # Again, when the partition was taken away and dropped while its log was read.
        while not self._runtime.is_current(record):
            for step in await self._caught_up(record):
                sent += await self._publish(step)
        sent += await self._publish(self._runtime.take(record))
        await self._save_when_due(record.partition)
        return sent

    async def _caught_up(self, record: Record) -> list[Step]:
        """Return what lies between what was applied last and an entry; asks a silent broker again."""
        while True:
            try:
                steps = await asyncio.to_thread(
                    lambda: list(self._runtime.catch_up(record.partition, record.offset))
                )
            except LogError as error:
                # What was applied before the log broke off was not said: the next try starts over.
                self._runtime.drop([record.partition])
                logger.warning("log not read, trying again", extra={"reason": str(error)})
                await asyncio.sleep(_READ_AGAIN_SECONDS)
                continue
            logger.info(
                "partition restored",
                extra={"topic": self._topic, "partition": record.partition, "entries": len(steps)},
            )
            return steps

    async def tick(self) -> None:
        """Put the time, and once the policy, on every partition that this worker holds."""
        at = clock.now()
        assigned = [place for place in self._app.consumer.assignment() if place.topic == self._name]
        time = self._time(at)
        for place in sorted(assigned):
            if place.partition not in self._told:
                self._told.add(place.partition)
                change = SettingsChanged(policy=self._policy, digest=digest(self._policy), at=at)
                await self._observe(change, place.partition)
            if self._settings.tick and time is not None:
                await self._observe(Tick(at=time), place.partition)

    def _time(self, now: datetime) -> datetime | None:
        """Return what time to tell: no later than what was ingested, while there is something to catch up."""
        if self._watermark is None:
            return now
        consumer = self._app.consumer
        public = [place for place in consumer.assignment() if place.topic in self._public]
        ends = {(place.topic, place.partition): consumer.highwater(place) for place in public}
        # Where reading began, and how far the group knows: Faust offers no other way to ask.
        starts = {(place.topic, place.partition): consumer._committed_offset.get(place) for place in public}
        return self._watermark.time(now, ends, starts)

    def revoked(self, places: Iterable[Any]) -> None:
        """Forget partitions that another worker will hold."""
        partitions = [place.partition for place in places if place.topic == self._name]
        self._runtime.drop(partitions)
        if self._watermark is not None:
            self._watermark.forget((place.topic, place.partition) for place in places)
        self._told.difference_update(partitions)

    async def _observe(self, body: SettingsChanged | Tick, partition: int) -> None:
        message = observation_message(self._topic, "", body)
        await self._outbox.send(message, ("ticks", partition), partition)

    async def _publish(self, step: Step) -> list[Awaitable[Any]]:
        sent: list[Awaitable[Any]] = []
        cause = (self._topic.value, step.record.partition)
        if step.refused is not None:
            letter = dead_letter(self._topic, step.refused.record, step.refused.reason)
            sent.append(await self._outbox.send(letter, cause))
        proof = proof_headers(code_digest(), step.record) if step.effects else ()
        for effect in step.effects:
            for message in messages_from(effect):
                if message.topic is Topic.EFFECTS:
                    # In the partition of their cause, so that causes rise along it.
                    proven = replace(message, headers=(*message.headers, *proof))
                    sent.append(await self._outbox.send(proven, cause, step.record.partition))
                else:
                    sent.append(await self._outbox.send(message, cause))
            for command in commands_from(effect):
                if self._keys is None:
                    # An executor would refuse it. The gate pages when no outcome comes.
                    logger.error("command not sent, no signing keys", extra={"command": command.id})
                    continue
                sent.append(await self._outbox.send(_signed(command_message(command), self._keys), cause))
        return sent

    async def _save_when_due(self, partition: int) -> None:
        moment = asyncio.get_running_loop().time()
        due = self._saved_at.setdefault(partition, moment) + self._settings.snapshot.total_seconds()
        if moment < due:
            return
        self._saved_at[partition] = moment
        await self._outbox.arrived((self._topic.value, partition))
        for message in self._runtime.save(partition):
            await self._outbox.send(message, ("snapshots", partition), partition)


class IngestShell:
    """Turns one public topic into observations inside a Faust app."""

    def __init__(
        self,
        app: Any,
        topic: Topic,
        settings: Settings,
        keys: KeyRing | None,
        watermark: Watermark | None = None,
    ) -> None:
        self._topic, self._keys, self._watermark = topic, keys, watermark
        self._labels = settings.telemetry.labels
        self._outbox = Outbox(app, settings.prefix)

    async def run(self, stream: Any) -> None:
        """Ingest the topic's messages; each is acknowledged when all that it became has arrived."""
        async for event in stream.noack().events():
            record = _record(event.message)
            _acknowledge(event, [sent async for sent in self._take(record)])
            if self._watermark is not None:
                self._watermark.take((record.topic, record.partition), record.offset, record.timestamp_ms)

    async def _take(self, record: Record) -> AsyncIterator[Awaitable[Any]]:
        try:
            taken = ingest(self._topic, record, self._verify, self._labels)
            messages, reason = taken.messages, taken.reason
        except Exception as error:  # an escaped exception would lose the event
            logger.exception("ingest failed", extra={"topic": self._topic, "offset": record.offset})
            messages, reason = (), f"ingest failed with {type(error).__name__}"
        if reason:
            messages = (*messages, dead_letter(self._topic, record, reason))
        for message in messages:
            yield await self._outbox.send(message, (self._topic.value, record.partition))

    def _verify(self, record: Record) -> None:
        if self._keys is None:
            raise SchemaError("no signing keys are configured, expected SUTURE_KEYS")
        try:
            self._keys.verify(record.value or b"", dict(record.headers).get(SIGNATURE_HEADER))
        except SignatureError as error:
            raise SchemaError(str(error)) from error


def judge_app(settings: Settings, policy: Policy, keys: KeyRing | None) -> Any:
    """Return the worker that ingests public topics and judges releases."""
    app = _app("suture-judge", settings, linger=0.02)
    watermark = Watermark()
    for topic in PUBLIC:
        _agent(app, topic, settings, IngestShell(app, topic, settings, keys, watermark).run)
    shell = OrderedShell(app, Topic.OBSERVATIONS, settings, policy, None, watermark)
    _ordered(app, shell, Topic.OBSERVATIONS, settings)
    return app


def gate_app(settings: Settings, policy: Policy, keys: KeyRing | None) -> Any:
    """Return the worker that blames, decides and orders; it lingers for nothing, since people wait."""
    app = _app("suture-gate", settings, linger=0.0)
    _agent(app, Topic.OUTCOMES, settings, IngestShell(app, Topic.OUTCOMES, settings, keys).run)
    topic = Topic.ENVIRONMENT_OBSERVATIONS
    _ordered(app, OrderedShell(app, topic, settings, policy, keys), topic, settings)
    return app


def run_worker(app: Any, log_level: str = "WARNING") -> None:
    """Run a worker until it is told to stop."""
    worker = faust.Worker(app, loglevel=log_level, override_logging=False, redirect_stdouts=False, quiet=True)
    # Its escape codes would go into every log.
    worker.spinner = None
    worker.execute_from_commandline()


def _app(name: str, settings: Settings, linger: float) -> Any:
    folder = settings.data / "faust" / name
    folder.mkdir(parents=True, exist_ok=True)
    return faust.App(
        f"{settings.prefix}{name}",
        broker="kafka://" + ";".join(settings.bootstrap.split(",")),
        autodiscover=False,
        datadir=str(folder),
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=16 * 1024 * 1024,
        broker_commit_interval=settings.commit.total_seconds(),
        broker_session_timeout=8.0,
        broker_heartbeat_interval=2.0,
        consumer_group_instance_id=f"{settings.instance}-{name}" if settings.instance else None,
        producer_linger=linger,
        producer_max_request_size=MAX_REQUEST_BYTES,
        producer_acks=-1,
    )


def _agent(app: Any, topic: Topic, settings: Settings, run: Callable[[Any], Awaitable[None]]) -> None:
    channel = app.topic(
        topic_name(topic, settings.prefix),
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )
    app.agent(channel, name=f"suture.{topic.value}", concurrency=1)(run)


def _ordered(app: Any, shell: OrderedShell, topic: Topic, settings: Settings) -> None:
    _agent(app, topic, settings, shell.run)
    # With time left to somebody else the policy still has to be told.
    app.timer(interval=settings.tick.total_seconds() or 1.0)(shell.tick)

    async def revoked(_app: Any, places: Iterable[Any], **_: Any) -> None:
        shell.revoked(places)

    app.on_partitions_revoked.connect(revoked, weak=False)


def _record(message: Any) -> Record:
    headers = message.headers or ()
    pairs = headers.items() if isinstance(headers, dict) else headers
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers=tuple((str(name), bytes(value or b"")) for name, value in pairs),
        timestamp_ms=int((message.timestamp or 0) * 1000),
    )


def _signed(message: Message, keys: KeyRing) -> Message:
    header = (SIGNATURE_HEADER, keys.sign(message.value))
    return Message(
        topic=message.topic, key=message.key, value=message.value, headers=(*message.headers, header)
    )


def _acknowledge(event: Any, sent: list[Awaitable[Any]]) -> None:
    """Acknowledge an event when all that was sent because of it has arrived."""
    if not sent:
        event.ack()
        return
    asyncio.gather(*sent).add_done_callback(lambda _: event.ack())
