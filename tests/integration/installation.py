"""An installation of Suture for tests: the real parts as processes, on a broker that others share."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from schemas.effect_messages import read_effect
from schemas.effects import Effect, Said
from schemas.envelopes import Message
from schemas.observation_messages import read_observation
from schemas.observations import LogPosition, Observation, SettingsChanged
from schemas.topics import PARTITIONS, TOPICS, Topic, topic_name
from streams.kafka_log import LogWriter, RangeReader, Record, TopicTail, create_topics
from streams.process_tree import ProcessTree
from streams.settings import Settings, environment_of

REPOSITORY = Path(__file__).parents[2]
JUDGE, GATE = ["worker", "--role=judge"], ["worker", "--role=gate"]
PARTS = {"judge": JUDGE, "gate": GATE, "executor": ["executor"], "journal": ["journal"]}
KEYS = "test:" + base64.b64encode(b"sixteen bytes and more of them").decode()
TOKENS = "ann:a-token-that-nobody-guesses"

POLICY = """
version: 1
defaults:
  judge: {interval: 1s, lateness: 1s, watch: 10m, min_watch: 10s, min_intervals: 3, quiet: 1m}
  gate: {cooldown: 0s, recovery: 30s, blame_wait: 0s}
  target: {kind: processes, cluster: default, namespace: shop, workload: "{service}"}
environments:
  dev: {gate: {rollback: alone}}
  prod: {gate: {rollback: ask}}
"""

T = TypeVar("T")
S = TypeVar("S", bound=Said)


def say(*words: object) -> None:
    """Show progress under `pytest -s`, at once."""
    sys.stderr.write(f"[{time.monotonic():9.1f}] {' '.join(map(str, words))}\n")
    sys.stderr.flush()


class Installation:
    """The parts, their log and what they said so far.

    Args:
        bootstrap: Kafka's address.
        folder: For the journal, logs and workloads.
        prefix: Of topics and groups; a test's own.
        parts: Name to the arguments of `suture`.
        policy: The policy file's text.
        changes: Settings other than these tests' usual ones.
    """

    def __init__(
        self,
        bootstrap: str,
        folder: Path,
        prefix: str,
        parts: dict[str, list[str]] | None = None,
        policy: str = POLICY,
        **changes: object,
    ) -> None:
        file = folder / "policy.yaml"
        file.write_text(policy, encoding="utf-8")
        settings = Settings(
            bootstrap=bootstrap,
            prefix=prefix,
            data=folder / "data",
            policy=file,
            tick=timedelta(seconds=0.5),
            snapshot=timedelta(seconds=2),
            flush=timedelta(seconds=1),
            keys=KEYS,
            tokens=TOKENS,
            processes=folder / "workloads",
        )
        self.settings = replace(settings, **changes)  # type: ignore[arg-type]  # a test names its fields
        self.parts = PARTS if parts is None else parts
        self.log = folder / "parts.log"
        self.tree = ProcessTree(self.settings, self.parts, log=self.log)
        self.kills: Counter[str] = Counter()
        self.effects: list[Effect] = []

    def __enter__(self) -> Installation:
        self.settings.data.mkdir(parents=True)
        create_topics(self.settings.bootstrap, self.settings.prefix)
        self._writer = LogWriter(self.settings.bootstrap, self.settings.prefix)
        self._effects = TopicTail(self.settings.bootstrap, self.topic(Topic.EFFECTS))
        self.tree.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.tree.stop()
        self._effects.close()
        self._writer.close()
        if kind is not None and self.log.exists():
            say(f"the parts' log ends with\n{self.log.read_text(errors='replace')[-6000:]}")

    def topic(self, topic: Topic) -> str:
        """Return a topic's name here."""
        return topic_name(topic, self.settings.prefix)

    def send(self, *messages: Message) -> None:
        """Put messages onto their topics, and return when they are there."""
        for message in messages:
            self._writer.send(message)
        self._writer.flush()

    def until(self, look: Callable[[], T], what: str, within_s: float = 90.0) -> T:
        """Return the first truthy answer, restarting parts that died meanwhile."""
        never = threading.Event()
        began = time.monotonic()
        while time.monotonic() - began < within_s:
            self.tree.tend()
            found = look()
            if found:
                say(f"{what}: after {time.monotonic() - began:.1f} s")
                return found
            never.wait(0.05)
        raise AssertionError(f"{what}: not within {within_s} s; said so far: {self.summary()}")

    def said(self, kind: type[S]) -> list[S]:
        """Return what was said of one kind so far, each thing once, in the order of arrival."""
        found: dict[tuple[LogPosition, int], S] = {}
        for effect in self.new_effects():
            if isinstance(effect.said, kind):
                found.setdefault((effect.cause, effect.index), effect.said)
        return list(found.values())

    def new_effects(self) -> list[Effect]:
        """Return all effects so far, repeats included."""
        for record in self._effects.new_records():
            try:
                self.effects.append(read_effect(record.value))
            except Exception as error:  # noqa: BLE001  # tests put nonsense there; the journal refuses it
                del error
        return self.effects

    def summary(self) -> dict[str, int]:
        """Return how often each kind of thing was said."""
        return dict(Counter(type(effect.said).__name__ for effect in self.effects))

    def ready(self) -> None:
        """Wait until every partition of both ordered topics has its policy: then the parts work."""
        for topic in (Topic.OBSERVATIONS, Topic.ENVIRONMENT_OBSERVATIONS):
            wanted = {(topic.value, partition) for partition in range(PARTITIONS)}
            self.until(
                lambda wanted=wanted: (
                    wanted  # type: ignore[misc]  # mypy cannot infer defaults of lambdas
                    <= {
                        (effect.cause.topic, effect.cause.partition)
                        for effect in self.new_effects()
                        if isinstance(effect.said, SettingsChanged)
                    }
                ),
                f"policy on every partition of {topic}",
            )

    def kill(self, name: str) -> None:
        """Kill a part as the kernel would, without a word."""
        pid = self.until(lambda: self.tree.pid(name) or 0, f"{name} has a process")
        os.kill(pid, signal.SIGKILL)
        self.kills[name] += 1
        say(f"killed {name}")

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command as a user would."""
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli", *arguments],
            env={**os.environ, **environment_of(self.settings)},
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if check and done.returncode:
            raise AssertionError(f"suture {' '.join(arguments)} gave {done.returncode}: {done.stderr}")
        return done

    def records(self, *topics: Topic) -> Iterable[Record]:
        """Yield everything that stands in topics, without the prefix."""
        reader = RangeReader(self.settings.bootstrap)
        try:
            for topic in topics:
                partitions = next(spec.partitions for spec in TOPICS if spec.topic is topic)
                for partition in range(partitions):
                    for record in reader.read(self.topic(topic), partition):
                        yield replace(record, topic=topic.value)
        finally:
            reader.close()

    def read(self, record: Record) -> Observation:
        """Return the observation that a record of an ordered topic holds."""
        position = LogPosition(topic=record.topic, partition=record.partition, offset=record.offset)
        return read_observation(position, record.key, record.value, record.headers)
