"""One Apache Kafka broker (KRaft, without a second controller) on loopback.

    with kafka.running() as broker:
        connect(broker.bootstrap)

Data lies in the instance's folder and goes with it. `broker.kill()` followed by `broker.start()` is a
crash: same data, same addresses.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.dev import cache, instances, processes
from infra.dev.instances import Instance, StartError
from infra.dev.ports import LOOPBACK
from infra.dev.starting import start_on_free_ports
from infra.dev.waiting import wait_until

__all__ = ["Broker", "available", "fetch", "is_fetched", "running", "up"]

VERSION = "4.1.1"
SOURCE = Path(__file__).parent / "kafka-broker"
ROLE = "broker"
STARTED = "Kafka Server started"
# Start-up is two thirds of a test's wait; the second compiler tier pays off only after minutes.
JAVA_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


@dataclass(slots=True, kw_only=True)
class Broker:
    """A broker of our own.

    Attributes:
        instance: Its record and folder.
        ports: By address it listens on, loopback first.
        controller_port: The port of its one-member quorum.
    """

    instance: Instance
    ports: dict[str, int]
    controller_port: int

    @property
    def bootstrap(self) -> str:
        """The address for clients on this machine."""
        return self.bootstrap_on(LOOPBACK)

    def bootstrap_on(self, address: str) -> str:
        """Return the address for clients that reach this machine by `address`, such as pods."""
        return f"{address}:{self.ports[address]}"

    def start(self) -> None:
        """Start the broker on its data and return when it serves; do nothing when it runs.

        Raises:
            StartError: It ended by itself, for example since its port was taken.
        """
        if ROLE in self.instance.processes and self.instance.processes[ROLE].is_alive:
            return
        log = self.instance.log(ROLE)
        seen = log.stat().st_size if log.exists() else 0
        self.instance.start(ROLE, _java(fetch(), "kafka.Kafka", str(self._properties)))

        def is_started() -> bool:
            with log.open("rb") as output:
                output.seek(seen)
                return STARTED.encode() in output.read()

        self.instance.wait_while_alive(ROLE, is_started)

    def stop(self) -> None:
        """Stop the broker in good order and keep its data."""
        self.instance.stop(ROLE, grace_s=60.0)

    def kill(self) -> None:
        """Kill the broker as a crash would, and keep its data."""
        process = self.instance.processes[ROLE]
        processes.send(process, signal.SIGKILL)
        wait_until(lambda: not process.is_alive, deadline_s=30.0, what="end of a killed broker")

    @property
    def _properties(self) -> Path:
        return self.instance.directory / "server.properties"


def available() -> str | None:
    """Return why a broker cannot run here, None when it can."""
    if shutil.which("java") is None:
        return "java is not installed, expected a Java runtime of version 17 or later"
    if shutil.which("mvn") is None and not is_fetched():
        return "mvn is not installed, expected Maven to fetch the broker"
    return None


def is_fetched() -> bool:
    """Tell whether `fetch` has nothing left to do."""
    return cache.entry_of("kafka", VERSION, [SOURCE]).is_dir()


def fetch() -> Path:
    """Return the folder of the broker's jars, fetched if need be (7 s and 54 MB).

    Raises:
        PartUnavailableError: Java or Maven is missing.
    """
    if reason := available():
        raise cache.PartUnavailableError(f"kafka: {reason}")
    return cache.cached("kafka", VERSION, [SOURCE], _copy_jars)


@contextmanager
def running(
    *,
    name: str | None = None,
    also_on: Sequence[str] = (),
    auto_create_topics: bool = True,
    settings: dict[str, str] | None = None,
    data: Path | None = None,
    keep: bool = False,
) -> Iterator[Broker]:
    """Run a broker for the length of a `with` block.

    Args:
        name: The instance's name; by default one that nobody else has.
        also_on: Further addresses of this machine to listen on, such as a cluster's `host_address`,
            where pods reach it.
        auto_create_topics: Whether writing to a topic that is not there makes it, with three partitions.
        settings: Further broker settings, which win over ours.
        data: Folder for its data, which outlives the broker and is used again when it is there; by
            default its data lie in the instance's folder and go with it.
        keep: Leave it running when the block ends well.

    Raises:
        PartUnavailableError: Java or Maven is missing.
        StartError: It did not come up.
    """
    jars = fetch()
    with instances.owned("kafka", name, keep=keep) as instance:
        extra = {"auto.create.topics.enable": str(auto_create_topics).lower(), **(settings or {})}
        broker = _start(instance, jars, [LOOPBACK, *also_on], extra, data)
        instance.values["bootstrap"] = broker.bootstrap
        instance.values.update({f"bootstrap on {a}": broker.bootstrap_on(a) for a in also_on})
        instance.save()
        yield broker


def _start(
    instance: Instance, jars: Path, addresses: Sequence[str], settings: dict[str, str], kept: Path | None
) -> Broker:
    def start(ports: Sequence[int]) -> Broker:
        controller_port, *client_ports = ports
        by_address = dict(zip(addresses, client_ports, strict=True))
        broker = Broker(instance=instance, ports=by_address, controller_port=controller_port)
        data = kept or instance.directory / "data"
        if kept is None:
            shutil.rmtree(data, ignore_errors=True)
        properties = _server_properties(data, by_address, controller_port) | settings
        broker._properties.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        if not (data / "meta.properties").exists():
            _format(instance, jars, broker._properties)
        broker.start()
        return broker

    return start_on_free_ports(len(addresses) + 1, start)


def _server_properties(data: Path, ports: dict[str, int], controller_port: int) -> dict[str, str]:
    listeners = {f"CLIENT{number}": f"{a}:{port}" for number, (a, port) in enumerate(ports.items())}
    clients = ",".join(f"{listener}://{address}" for listener, address in listeners.items())
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "CLIENT0",
        "listeners": f"{clients},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": clients,
        "listener.security.protocol.map": ",".join(f"{one}:PLAINTEXT" for one in (*listeners, "CONTROLLER")),
        "log.dirs": str(data),
        "num.partitions": "3",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "3",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "3",
        # Without it a lone member waits three seconds for company at its first join.
        "group.initial.rebalance.delay.ms": "0",
        # After a crash the quorum holds the broker's old session for this long before it lets it back in.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
    }


def _format(instance: Instance, jars: Path, properties: Path) -> None:
    # Sixteen bytes in base64. One that began with a dash would be read as an option.
    cluster = "S" + secrets.token_urlsafe(16)[1:]
    command = _java(jars, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartError(f"format of {instance.name} failed:\n{done.stdout}{done.stderr}")


def _java(jars: Path, main: str, *arguments: str) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={SOURCE / 'log4j2.properties'}"
    return ["java", *JAVA_OPTIONS, logging, "-cp", f"{jars}/*", main, *arguments]


def _copy_jars(folder: Path) -> None:
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={folder}", "-DincludeScope=runtime"]
    done = subprocess.run(
        ["mvn", "-q", "-B", "-f", str(SOURCE / "pom.xml"), *goal], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise cache.PartUnavailableError(f"kafka: Maven could not fetch the broker:\n{done.stdout[-2000:]}")


def up(name: str, data: Path | None = None) -> Instance:
    """Start a broker that stays until `down`; its data go with it unless a folder is named for them."""
    with running(name=name, data=data, keep=True) as broker:
        return broker.instance
