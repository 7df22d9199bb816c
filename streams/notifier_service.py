"""The notifier's process: one thread and one consumer group a sink, and none waits for another."""

import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event, Thread

from schemas.topics import Topic, topic_name
from streams import clock
from streams.ingest import dead_letter
from streams.kafka_log import GroupReader, Lag, LogError, LogWriter, Record
from streams.notifier_sinks import SinkEntry, SinkParts, configured_sinks, sink_group
from streams.release_memory import ReleaseMemory
from streams.settings import Settings
from streams.sink_runner import Pace, SinkRunner
from streams.sinks import Closing, Sink, SinkHealth

logger = logging.getLogger("suture.notifier")

_LONGEST_PAUSE_S = 60.0
_STOP_S = 10.0
_ONCE_FAILURES = 3


@dataclass(slots=True, kw_only=True)
class _Hosted:
    """A sink and its thread.

    Attributes:
        sink: Made and not yet given to a thread.
        due: When its thread may begin again, on the monotonic clock.
    """

    name: str
    entry: SinkEntry
    health: SinkHealth = field(default_factory=SinkHealth)
    sink: Sink | None = None
    thread: Thread | None = None
    due: float = 0.0
    is_served: bool = False


class Notifier:
    """Hosts sinks.

    Args:
        settings: The installation's.
        sinks: What to host, by name.
    """

    def __init__(self, settings: Settings, sinks: Mapping[str, SinkEntry]) -> None:
        self._settings = settings
        self._topic = topic_name(Topic.EFFECTS, settings.prefix)
        self._parts = SinkParts(settings=settings, memory=ReleaseMemory(settings))
        self._hosted = [_Hosted(name=name, entry=entry) for name, entry in sinks.items()]

    @property
    def health(self) -> dict[str, SinkHealth]:
        """Return how each sink fares."""
        return {hosted.name: hosted.health for hosted in self._hosted}

    def run(self, stop: Event) -> None:
        """Host the sinks until told to stop; one whose thread ends by a defect begins again, ever later."""
        self._make()
        while not stop.is_set():
            for hosted in self._hosted:
                self._tend(hosted, stop)
            stop.wait(0.5)
        self._end()

    def run_once(self, stop: Event) -> bool:
        """Give each sink what is on the log now; return whether each could tell all of it."""
        self._make()
        for hosted in self._hosted:
            hosted.thread = Thread(target=self._serve_once, args=(hosted, stop), name=f"sink-{hosted.name}")
            hosted.thread.start()
        for hosted in self._hosted:
            if hosted.thread is not None:
                hosted.thread.join()
        self._end()
        return all(hosted.is_served for hosted in self._hosted)

    def _make(self) -> None:
        """Make every sink, so that a setting that is wrong ends the process with a sentence."""
        for hosted in self._hosted:
            hosted.sink = hosted.entry.make(self._parts)

    def _tend(self, hosted: _Hosted, stop: Event) -> None:
        if hosted.thread is not None:
            if hosted.thread.is_alive():
                return
            pause = min(2.0 ** min(hosted.health.restarts, 10), _LONGEST_PAUSE_S)
            hosted.thread, hosted.due = None, time.monotonic() + pause
            hosted.health.restarts += 1
            logger.error("sink ended", extra={"sink": hosted.name, "again_in_s": pause})
        elif time.monotonic() >= hosted.due:
            # A sink that hangs in a request must not keep the process from ending.
            hosted.thread = Thread(
                target=self._serve, args=(hosted, stop), name=f"sink-{hosted.name}", daemon=True
            )
            hosted.thread.start()

    def _end(self) -> None:
        deadline = time.monotonic() + _STOP_S
        for hosted in self._hosted:
            if hosted.thread is not None:
                hosted.thread.join(max(0.0, deadline - time.monotonic()))
        self._parts.memory.close()

    def _serve(self, hosted: _Hosted, stop: Event) -> None:
        with ExitStack() as stack:
            runner, group = self._open(hosted, stack)
            try:
                runner.run(group, stop)
            except LogError as error:
                # The thread begins again, with new connections.
                logger.warning("sink lost Kafka", extra={"sink": hosted.name, "reason": str(error)})

    def _serve_once(self, hosted: _Hosted, stop: Event) -> None:
        with ExitStack() as stack:
            runner, group = self._open(hosted, stack)
            lag = Lag(self._settings.bootstrap, sink_group(self._settings.prefix, hosted.name), [self._topic])
            stack.callback(lag.close)
            while not stop.is_set() and runner.failures < _ONCE_FAILURES:
                runner.step(group)
                runner.commit(group)
                if not lag.entries():
                    hosted.is_served = True
                    return

    def _open(self, hosted: _Hosted, stack: ExitStack) -> tuple[SinkRunner, GroupReader]:
        settings = self._settings
        writer = stack.enter_context(LogWriter(settings.bootstrap, settings.prefix))

        def set_aside(record: Record, reason: str) -> None:
            writer.send(dead_letter(Topic.EFFECTS, record, reason))
            writer.flush()

        # What a thread that ended left half done is not gone on with.
        sink, hosted.sink = hosted.sink or hosted.entry.make(self._parts), None
        if isinstance(sink, Closing):
            stack.callback(sink.close)
        runner = SinkRunner(
            sink,
            Pace(oldest=hosted.entry.oldest, turn=hosted.entry.turn),
            set_aside,
            hosted.health,
            now=clock.now,
            monotonic=time.monotonic,
        )

        def let_go(places: Iterable[tuple[str, int]]) -> None:
            runner.let_go(places)

        name = sink_group(settings.prefix, hosted.name)
        group = GroupReader(
            settings.bootstrap, [self._topic], name, let_go=let_go, instance=settings.instance
        )
        stack.callback(group.close)
        return runner, group


def run_notifier(settings: Settings, stop: Event, *, once: bool = False) -> int:
    """Host the configured sinks until told to stop, or once; return the exit code."""
    notifier = Notifier(settings, configured_sinks(settings))
    if once:
        return 0 if notifier.run_once(stop) else 1
    notifier.run(stop)
    return 0
