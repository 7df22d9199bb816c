"""An OpenTelemetry Collector with the components that `infra/collector.yaml` uses.

    with collector.running(config) as otel:
        post(otel.otlp_http, ...)

It runs on this machine, also for a cluster of ours: with `cluster.kubeconfig` in `KUBECONFIG` it finds
the pods, and reaches them by their address.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.dev import cache, golang, instances
from infra.dev.instances import Instance
from infra.dev.ports import LOOPBACK
from infra.dev.starting import start_on_free_ports

__all__ = ["PRODUCTION_CONFIG", "Collector", "available", "fetch", "is_fetched", "running", "up"]

VERSION = "0.155.0"
SOURCE = Path(__file__).parent / "otel-collector"
PRODUCTION_CONFIG = Path(__file__).parents[1] / "collector.yaml"
# Writes main.go and components.go from builder.yaml; go.mod and go.sum are kept with it. To change
# them: run the builder without --skip-get-modules, then `go mod tidy -e` (a module that only the
# components' own tests need is not published, so plain `tidy` fails).
BUILDER = f"go.opentelemetry.io/collector/cmd/builder@v{VERSION}"
ROLE = "collector"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """A collector of our own.

    Attributes:
        instance: Its record and folder.
        otlp_http: URL of its OTLP receiver over HTTP; `/v1/metrics` and the like follow.
        otlp_grpc: `host:port` of its OTLP receiver over gRPC.
        command: Its command line.
        environment: What it is told beside it.
    """

    instance: Instance
    otlp_http: str
    otlp_grpc: str
    command: Sequence[str]
    environment: Mapping[str, str]

    def start(self) -> None:
        """Start it, or start it again, and return once it takes data."""
        self.instance.start(ROLE, self.command, self.environment)
        self.instance.wait_while_alive(ROLE, lambda: _takes_data(self.otlp_http))

    def stop(self) -> None:
        """Stop it in good order: it sends on what it holds."""
        self.instance.stop(ROLE, grace_s=30.0)


def available() -> str | None:
    """Return why a collector cannot run here, None when it can."""
    return golang.missing()


def is_fetched() -> bool:
    """Tell whether the long part of `fetch` is done."""
    return cache.entry_of("otelcol", VERSION, [SOURCE]).is_dir()


def fetch() -> Path:
    """Return the folder of the program `otelcol`, built if need be (some five minutes on two cores).

    Raises:
        PartUnavailableError: There is no Go, or the build failed.
    """
    if reason := available():
        raise cache.PartUnavailableError(f"collector: {reason}")
    return cache.cached("otelcol", VERSION, [SOURCE], _build)


@contextmanager
def running(
    config: str | Path,
    *,
    name: str | None = None,
    env: Mapping[str, str] | None = None,
    keep: bool = False,
) -> Iterator[Collector]:
    """Run a collector for the length of a `with` block.

    Args:
        config: Its configuration, as text or as a file. It must have the receiver `otlp`; where that
            listens is set here. `${env:NAME}` within it stands for a variable.
        name: The instance's name; by default one that nobody else has.
        env: Variables, such as `KAFKA_BOOTSTRAP` and `KUBECONFIG`.
        keep: Leave it running when the block ends well.

    Raises:
        PartUnavailableError: There is no Go to build it.
        StartError: It refused the configuration, or did not come up.
    """
    program = fetch() / "otelcol"
    text = config.read_text() if isinstance(config, Path) else config
    with instances.owned("collector", name, keep=keep) as instance:
        path = instance.directory / "collector.yaml"
        path.write_text(text)

        def start(ports: Sequence[int]) -> Collector:
            grpc, http = (f"{LOOPBACK}:{port}" for port in ports)
            settings = {
                "receivers::otlp::protocols::grpc::endpoint": grpc,
                "receivers::otlp::protocols::http::endpoint": http,
                # Its own metrics would listen on a fixed port, where a second collector finds the first.
                "service::telemetry::metrics::level": "none",
            }
            options = [f"--config=yaml:{key}: {value}" for key, value in settings.items()]
            collector = Collector(
                instance=instance,
                otlp_http=f"http://{http}",
                otlp_grpc=grpc,
                command=[str(program), f"--config={path}", *options],
                environment=dict(env or {}),
            )
            instance.log(ROLE).unlink(missing_ok=True)
            collector.start()
            return collector

        collector = start_on_free_ports(2, start)
        instance.values.update(otlp_http=collector.otlp_http, otlp_grpc=collector.otlp_grpc)
        instance.save()
        yield collector


def up(name: str) -> Instance:
    """Start a collector with the production configuration; it reads `KAFKA_BOOTSTRAP` and `KUBECONFIG`."""
    for variable in ("KAFKA_BOOTSTRAP", "KUBECONFIG"):
        if variable not in os.environ:
            raise instances.StartError(f"{variable} is not set, expected it for {PRODUCTION_CONFIG.name}")
    with running(PRODUCTION_CONFIG, name=name, env={"K8S_AUTH_TYPE": "kubeConfig"}, keep=True) as collector:
        return collector.instance


def _build(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        sources = Path(place)
        generate = ["--config", "builder.yaml", "--skip-compilation", "--skip-get-modules"]
        shutil.copytree(SOURCE, sources, dirs_exist_ok=True)
        golang.run(["run", BUILDER, *generate], sources)
        for kept in ("go.mod", "go.sum"):
            shutil.copy(SOURCE / kept, sources / kept)
        golang.build(sources, ["."], folder)
    # Go names a program for the last element of its module.
    (folder / SOURCE.name).rename(folder / "otelcol")


def _takes_data(otlp_http: str) -> bool:
    request = urllib.request.Request(
        f"{otlp_http}/v1/metrics",
        data=b'{"resourceMetrics":[]}',
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=2.0):
            return True
    except urllib.error.HTTPError as answer:
        # A configuration without metrics has no such path; that it answers is enough.
        return answer.code == 404
    except OSError:
        return False
