"""noida-db, a small program from PyPI that speaks Kafka's protocol: second best where Java is missing.

    with noida.running() as broker:
        connect(broker.bootstrap)

Never for anything that is kept: it acknowledges before it writes and loses up to a second of that when
killed, rewrites all its data every second, and waits for ever on a group's dead member unless members
have a `group.instance.id`. Starting it says so.
"""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from infra.dev import cache, instances, processes
from infra.dev.instances import Instance
from infra.dev.ports import LOOPBACK, accepts_connections
from infra.dev.starting import start_on_free_ports
from infra.dev.waiting import wait_until

__all__ = ["SecondBestBroker", "available", "fetch", "is_fetched", "running", "up"]

VERSION = "0.2.3"
ROLE = "noida"
WARNING = (
    "noida-db stands in for Kafka: second best, for a first look only. It loses acknowledged data when it is "
    "killed and wedges on dead consumers; install Java 17 and Maven for a real broker"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondBestBroker:
    """A broker with the interface of `kafka.Broker`, as far as it goes.

    Attributes:
        instance: Its record and folder.
        bootstrap: `host:port` for clients on this machine; it listens nowhere else.
        command: Its command line.
    """

    instance: Instance
    bootstrap: str
    command: Sequence[str]

    def start(self) -> None:
        """Start it on its data and return when it takes connections; do nothing when it runs."""
        if ROLE in self.instance.processes and self.instance.processes[ROLE].is_alive:
            return
        self.instance.start(ROLE, self.command)
        port = int(self.bootstrap.rpartition(":")[2])
        self.instance.wait_while_alive(ROLE, lambda: accepts_connections(port))

    def stop(self) -> None:
        """Stop it in good order and keep its data."""
        self.instance.stop(ROLE, grace_s=30.0)

    def kill(self) -> None:
        """Kill it as a crash would; what it acknowledged in the last second may be gone."""
        process = self.instance.processes[ROLE]
        processes.send(process, signal.SIGKILL)
        wait_until(lambda: not process.is_alive, deadline_s=30.0, what="end of a killed broker")


def available() -> str | None:
    """Return why it cannot run here, None when it can."""
    if platform.system() == "Windows":
        return "instances need a POSIX system, expected Linux or macOS"
    if find_spec("pip") is None and not is_fetched():
        return "pip is not installed for this Python, expected it to fetch noida-db"
    return None


def is_fetched() -> bool:
    """Tell whether `fetch` has nothing left to do."""
    return cache.entry_of("noida", VERSION, []).is_dir()


def fetch() -> Path:
    """Return the folder of the package, fetched if need be (a few seconds and 12 MB).

    Raises:
        PartUnavailableError: pip is missing, or could not fetch it.
    """
    if reason := available():
        raise cache.PartUnavailableError(f"noida: {reason}")
    return cache.cached("noida", VERSION, [], _install)


@contextmanager
def running(*, name: str | None = None, keep: bool = False) -> Iterator[SecondBestBroker]:
    """Run the broker for the length of a `with` block, and print what it is not.

    Args:
        name: The instance's name; by default one that nobody else has.
        keep: Leave it running when the block ends well.

    Raises:
        PartUnavailableError: It cannot be fetched here.
        StartError: It did not come up.
    """
    program = fetch() / "noida_db" / "noida-db"
    cache.report(WARNING)
    with instances.owned("noida", name, keep=keep) as instance:

        def start(ports: Sequence[int]) -> SecondBestBroker:
            where = ["--host", LOOPBACK, "--kafka-port", str(ports[0])]
            data = ["--data-dir", str(instance.path("data"))]
            broker = SecondBestBroker(
                instance=instance,
                bootstrap=f"{LOOPBACK}:{ports[0]}",
                command=[str(program), "start", "--only", "kafka", *where, *data],
            )
            instance.log(ROLE).unlink(missing_ok=True)
            broker.start()
            return broker

        broker = start_on_free_ports(1, start)
        instance.values["bootstrap"] = broker.bootstrap
        instance.save()
        yield broker


def up(name: str) -> Instance:
    """Start one that stays until `down`."""
    with running(name=name, keep=True) as broker:
        return broker.instance


def _install(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", f"--target={folder}"]
    done = subprocess.run([*command, f"noida-db=={VERSION}"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise cache.PartUnavailableError(f"noida: pip could not fetch it:\n{done.stderr[-2000:]}")
    (folder / "noida_db" / "noida-db").chmod(0o755)
