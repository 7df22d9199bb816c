"""Real parts for tests, started once a session.

A laptop that lacks a part skips its tests and says why. With `CI=true` that is a failure: a suite that
skips what it was set up for proves nothing. Parts that take minutes to build are not built by a test,
run `python -m infra.dev fetch` before.

`tests/integration/conftest.py` makes these fixtures known to the tests beside it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn, Protocol

import pytest

from infra.dev import alertmanager, argo, cluster, collector, kafka, prometheus
from infra.dev.argo import Controller
from infra.dev.cluster import Cluster
from infra.dev.collector import Collector
from infra.dev.kafka import Broker
from infra.dev.web_server import WebServer

__all__ = [
    "CONTRACTS",
    "CollectorFactory",
    "ServerFactory",
    "alertmanager_server",
    "argo_rollouts",
    "contracts",
    "dev_cluster",
    "kafka_broker",
    "namespace",
    "need",
    "otel_collector",
    "prometheus_server",
]

CONTRACTS = Path(__file__).parents[3] / "shared" / "contracts"


class Part(Protocol):
    """A part whose presence can be asked for."""

    def available(self) -> str | None:
        """Return why the part cannot run here, None when it can."""


class BuiltPart(Part, Protocol):
    """A part that takes minutes to build."""

    def is_fetched(self) -> bool:
        """Tell whether it is built."""


class CollectorFactory(Protocol):
    """Starts a collector that lives as long as the test."""

    def __call__(self, config: str | Path, env: Mapping[str, str] | None = None) -> Collector:
        """Return a running collector with this configuration."""


ServerFactory = Callable[[str | Path], WebServer]


def need(part: Part) -> None:
    """Go on when the part can run here; else skip, or fail where it must be there."""
    if reason := part.available():
        give_up(reason)


def need_built(part: BuiltPart, name: str) -> None:
    """Go on when the part can run here and is built."""
    need(part)
    if not part.is_fetched():
        give_up(f"{name} is not built, expected `python -m infra.dev {name} fetch` before")


def give_up(reason: str) -> NoReturn:
    """Skip, or fail with `CI=true`."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[Broker]:
    """A Kafka broker; tests share it, so each takes topics and groups of its own."""
    need(kafka)
    with kafka.running() as broker:
        yield broker


@pytest.fixture(scope="session")
def dev_cluster() -> Iterator[Cluster]:
    """A Kubernetes with one node and the shop's images; each test takes a `namespace`."""
    need_built(cluster, "cluster")
    with cluster.running() as running:
        yield running


@pytest.fixture
def namespace(dev_cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own; its pods are gone when the test is."""
    name = "t-" + request.node.name.replace("_", "-").replace("[", "-").rstrip("]").lower()[:55].strip("-")
    dev_cluster.kubectl("create", "namespace", name)
    yield name
    # Pods that ended in their own time would hold the next test up.
    dev_cluster.kubectl("delete", "pods", "--all", f"--namespace={name}", "--grace-period=0", "--force")
    dev_cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def argo_rollouts(dev_cluster: Cluster) -> Iterator[Controller]:
    """The Argo Rollouts controller of `dev_cluster`."""
    need_built(argo, "argo")
    with argo.running(dev_cluster) as controller:
        yield controller


@pytest.fixture
def otel_collector() -> Iterator[CollectorFactory]:
    """Starts collectors, each with a configuration of its own."""
    need_built(collector, "collector")
    with ExitStack() as running:

        def start(config: str | Path, env: Mapping[str, str] | None = None) -> Collector:
            return running.enter_context(collector.running(config, env=env))

        yield start


@pytest.fixture
def prometheus_server() -> Iterator[ServerFactory]:
    """Starts Prometheus servers, each with a configuration of its own."""
    need(prometheus)
    with ExitStack() as running:
        yield lambda config: running.enter_context(prometheus.running(config))


@pytest.fixture
def alertmanager_server() -> Iterator[ServerFactory]:
    """Starts Alertmanagers, each with a configuration of its own."""
    need(alertmanager)
    with ExitStack() as running:
        yield lambda config: running.enter_context(alertmanager.running(config))


@pytest.fixture(scope="session")
def contracts() -> Path:
    """The folder of official example messages, beside the repository."""
    if not CONTRACTS.is_dir():
        give_up(f"{CONTRACTS} is not there, expected the folder of contracts beside the repository")
    return CONTRACTS
