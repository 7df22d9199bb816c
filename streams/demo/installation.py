"""Suture for the demonstration: what `suture up` runs, with a policy, topics and a journal of its own."""

import os
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from schemas.errors import SutureError
from schemas.topics import PARTITIONS, Topic, topic_name
from streams.demo.waiting import Patience
from streams.kafka_log import create_topics, end_offsets
from streams.process_tree import PARTS, ProcessTree, with_secrets
from streams.settings import Settings, environment_of

_START_SECONDS = 90.0


def demo_settings(given: Settings, folder: Path, policy: str) -> Settings:
    """Return the settings of an installation that shares nothing with another one but perhaps a broker.

    Args:
        given: The user's own settings: broker and prefix are taken from them.
        folder: Where everything is kept.
        policy: Text of the policy file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "policy.yaml"
    path.write_text(policy, encoding="utf-8")
    settings = replace(
        given,
        # On a broker of somebody else's, the topics must be told from theirs and from an earlier run's.
        prefix=f"{given.prefix}demo-{os.getpid()}." if given.bootstrap else "",
        data=folder,
        policy=path,
        tick=timedelta(seconds=1),
        snapshot=timedelta(seconds=30),
        flush=timedelta(seconds=1),
        keys="",
        tokens="",
        clusters=("default",),
        processes=folder / "workloads",
        listen=f"127.0.0.1:{_free_port()}",
    )
    return with_secrets(settings)


@dataclass(slots=True, kw_only=True)
class Installation:
    """Suture's parts, as children of this process.

    Attributes:
        log: Where they write their logs.
    """

    settings: Settings
    tree: ProcessTree
    log: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables that make `suture` commands speak to it."""
        return environment_of(self.settings)

    def wait_until_ready(self, patience: Patience) -> None:
        """Wait until telemetry is taken and time is put on the log.

        Raises:
            SutureError: that takes too long.
        """
        patience.until(self._takes_telemetry, f"Suture's gateway (log: {self.log})", _START_SECONDS)
        patience.until(self._ticks, f"the first tick of Suture's workers (log: {self.log})", _START_SECONDS)

    def _takes_telemetry(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.settings.listen}/readyz", timeout=2.0) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _ticks(self) -> bool:
        ordered = [Topic.OBSERVATIONS, Topic.ENVIRONMENT_OBSERVATIONS]
        names = [topic_name(topic, self.settings.prefix) for topic in ordered]
        ends = end_offsets(self.settings.bootstrap, names)
        return len(ends) == PARTITIONS * len(names) and all(ends.values())


@contextmanager
def installed(settings: Settings, parts: Mapping[str, list[str]] = PARTS) -> Iterator[Installation]:
    """Run Suture's parts for the length of the block.

    Args:
        settings: They name a broker.
        parts: Name to arguments, as the process tree takes them.

    Raises:
        SutureError: the broker cannot be used.
    """
    if not settings.bootstrap:
        raise SutureError("the demonstration has no broker, expected one to be started or named")
    create_topics(settings.bootstrap, settings.prefix, settings.replication)
    log = settings.data / "suture.log"
    tree = ProcessTree(settings, parts, log)
    try:
        tree.start()
        yield Installation(settings=settings, tree=tree, log=log)
    finally:
        tree.stop()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
