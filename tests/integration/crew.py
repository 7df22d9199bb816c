"""An executor as it is deployed: a process `suture executor` on Kafka, to be ordered about and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from actions.signing import KeyRing
from schemas.envelopes import SIGNATURE_HEADER, Message
from schemas.keys import CommandId
from schemas.order_messages import command_message, read_outcome
from schemas.orders import Command, Outcome
from schemas.topics import Topic, topic_name
from streams.kafka_log import LogWriter, TopicTail, create_topics
from streams.settings import Settings, environment_of
from tests.integration.installation import KEYS, REPOSITORY


class Crew:
    """One executor with topics and a group of its own, and the log that it works on.

    Args:
        bootstrap: Kafka's address.
        prefix: Of its topics and group.
        kubeconfig: The cluster that it changes.
        log: Where it writes.
        instance: The name that it keeps in its group over restarts; "" for one made of the prefix.
    """

    def __init__(
        self, bootstrap: str, prefix: str, kubeconfig: Path, log: Path, *, instance: str = ""
    ) -> None:
        name = instance or f"{prefix}crew"
        self.settings = Settings(bootstrap=bootstrap, prefix=prefix, keys=KEYS, instance=name)
        self._kubeconfig, self._log = kubeconfig, log
        self._keys = KeyRing.from_text(KEYS)
        self._process: subprocess.Popen[bytes] | None = None
        self._outcomes: dict[CommandId, list[Outcome]] = defaultdict(list)
        create_topics(bootstrap, prefix)
        self._writer = LogWriter(bootstrap, prefix)
        self._tail = TopicTail(bootstrap, topic_name(Topic.OUTCOMES, prefix))

    def start(self) -> None:
        """Start the process; it works once it has joined its group."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "executor"],
                cwd=REPOSITORY,
                env={
                    **os.environ,
                    **environment_of(self.settings),
                    "KUBECONFIG": str(self._kubeconfig),
                    "SUTURE_PARENT": str(os.getpid()),
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the process as the kernel would, without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """Kill the process and let go of Kafka."""
        self.kill()
        self._tail.close()
        self._writer.close()

    def order(self, commands: Mapping[int, Command]) -> None:
        """Put commands onto the log by partition, signed as the gate signs them."""
        for partition, command in commands.items():
            message = command_message(command)
            signature = (SIGNATURE_HEADER, self._keys.sign(message.value))
            self._writer.send(
                Message(topic=message.topic, key=message.key, value=message.value, headers=(signature,)),
                partition,
            )
        self._writer.flush()

    def outcomes_so_far(self) -> Mapping[CommandId, list[Outcome]]:
        """Return the outcomes that were read."""
        return self._outcomes

    def outcomes(self) -> Mapping[CommandId, list[Outcome]]:
        """Return every outcome that stands on the log, repeats included.

        Raises:
            SignatureError: somebody else said it.
        """
        if self._process is not None and (code := self._process.poll()) is not None:
            raise AssertionError(f"the executor ended with {code}:\n{self._log.read_text()[-4000:]}")
        for record in self._tail.new_records():
            self._keys.verify(record.value or b"", dict(record.headers).get(SIGNATURE_HEADER))
            outcome = read_outcome(record.value)
            self._outcomes[outcome.command].append(outcome)
        return self._outcomes
