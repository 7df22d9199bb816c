"""Recordings put onto real topics, in lockstep with live workers that leave time to the recording."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from detectors.defaults import pod_minute_rule
from schemas.codec import to_json
from schemas.envelopes import Message
from schemas.errors import SutureError
from schemas.observation_messages import observation_message
from schemas.observations import Body, Tick
from schemas.policy import Autonomy
from schemas.topics import PARTITIONS, Topic, topic_name
from streams.kafka_log import Lag, LogWriter
from streams.pod_minutes import Minute, Row, minutes, settings_of
from streams.process_tree import ProcessTree
from streams.recording import ORDERED, read_recording
from streams.settings import Settings

_PUBLIC = (Topic.CDEVENTS, Topic.OTLP_METRICS, Topic.OTLP_LOGS, Topic.REMOTE_WRITE)
_LONGEST_WAIT_S = 120.0


class ReplayError(SutureError):
    """Workers do not keep up with a replay: they are not running, or stuck."""


class Lockstep:
    """Puts a recording onto topics, minute by minute, and waits in between until workers have followed.

    The workers must leave time to the recording (`SUTURE_TICK_SECONDS=0`), since its minutes are of the
    past, and should commit often (`SUTURE_COMMIT_SECONDS=0.05`), since that is how they are followed.

    Args:
        settings: How to reach the installation.
        tend: Called while waiting; lets a process tree look after its children.
    """

    def __init__(self, settings: Settings, tend: Callable[[], None] = lambda: None) -> None:
        self._tend = tend
        self._writer = LogWriter(settings.bootstrap, settings.prefix)
        judge, gate = f"{settings.prefix}suture-judge", f"{settings.prefix}suture-gate"

        def lag(group: str, *topics: Topic) -> Lag:
            return Lag(settings.bootstrap, group, [topic_name(topic, settings.prefix) for topic in topics])

        self._ingest = lag(judge, *_PUBLIC)
        self._judge = lag(judge, Topic.OBSERVATIONS)
        self._gate = lag(gate, Topic.ENVIRONMENT_OBSERVATIONS)

    def play(self, minute: Minute) -> None:
        """Send one minute and return when it has been judged and decided on.

        Raises:
            LogError: Kafka cannot be reached.
            ReplayError: the workers do not follow.
        """
        for message in minute.messages:
            self._writer.send(message)
        self._writer.flush()
        if minute.messages:
            self._await(self._ingest, "ingest")
            self._await(self._judge, "judge")
        for at in minute.ticks:
            self.tell(Tick(at=at))

    def tell(self, body: Body) -> None:
        """Put an observation on every partition, for services first, then for environments.

        Raises:
            LogError: Kafka cannot be reached.
            ReplayError: the workers do not follow.
        """
        for topic, follower, name in (
            (Topic.OBSERVATIONS, self._judge, "judge"),
            (Topic.ENVIRONMENT_OBSERVATIONS, self._gate, "gate"),
        ):
            for partition in range(PARTITIONS):
                self._writer.send(observation_message(topic, "", body), partition)
            self._writer.flush()
            self._await(follower, name)
            if follower is self._judge:
                # What the judge said has arrived where the gate reads it.
                self._await(self._gate, "gate")

    def close(self) -> None:
        """Let go of the connections."""
        self._writer.close()
        for lag in (self._ingest, self._judge, self._gate):
            lag.close()

    def _await(self, lag: Lag, who: str) -> None:
        deadline = time.monotonic() + _LONGEST_WAIT_S
        while (behind := lag.entries()) > 0:
            if time.monotonic() > deadline:
                raise ReplayError(
                    f"{who} is {behind} entries behind for {_LONGEST_WAIT_S:.0f} s, expected a running "
                    "`suture worker` with SUTURE_TICK_SECONDS=0"
                )
            self._tend()
            time.sleep(0.01)


def lockstep_settings(settings: Settings) -> Settings:
    """Return settings for workers that leave time to a recording and judge by the rule for pod-minutes."""
    settings.data.mkdir(parents=True, exist_ok=True)
    policy = settings.data / "pod-minutes.yaml"
    # JSON is YAML; written by the serialiser that the policy's digest is made of.
    rule = to_json(pod_minute_rule(Autonomy.ALONE)).decode()
    policy.write_text(f'{{"version": 1, "defaults": {rule}}}\n', encoding="utf-8")
    return replace(
        settings,
        policy=policy,
        tick=timedelta(0),
        commit=timedelta(seconds=0.05),
        flush=timedelta(seconds=1),
    )


def play_pod_minutes(
    settings: Settings, rows: list[Row], progress: Callable[[int], None] = lambda _: None
) -> int:
    """Run workers, send a recording of pod-minutes through them, and return the number of minutes.

    Args:
        settings: A broker, and a prefix whose topics hold nothing yet.
        rows: In the order of time.
        progress: Called with the number of minutes that were played.

    Raises:
        LogError: Kafka cannot be reached.
        ReplayError: the workers do not follow.
    """
    settings = lockstep_settings(settings)
    parts = {
        "judge": ["worker", "--role=judge"],
        "gate": ["worker", "--role=gate"],
        "journal": ["journal"],
    }
    tree = ProcessTree(settings, parts)
    tree.start()
    played = 0
    try:
        lockstep = Lockstep(settings, tree.tend)
        try:
            # The workers told the policy by themselves, too; once more makes sure that it comes first.
            lockstep.tell(settings_of(rows))
            for played, minute in enumerate(minutes(rows), start=1):
                lockstep.play(minute)
                progress(played)
        finally:
            lockstep.close()
    finally:
        # A journal that is asked to stop writes what it holds first.
        tree.stop()
    return played


def put_back(settings: Settings, file: Path) -> int:
    """Put a recording's entries onto the topics they were recorded from, and return their number.

    Entries of ordered topics go to their own partition; those of public topics to any.

    Raises:
        LogError: Kafka cannot be reached.
        SchemaError: the file is no recording.
    """
    count = 0
    with LogWriter(settings.bootstrap, settings.prefix, linger_ms=20) as writer:
        for record in read_recording(file):
            topic = Topic(record.topic)
            message = Message(topic=topic, key=record.key, value=record.value or b"", headers=record.headers)
            writer.send(message, record.partition if topic in ORDERED else None)
            count += 1
        writer.flush()
    return count
