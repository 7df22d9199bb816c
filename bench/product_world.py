"""Where the whole product is tried: its parts as processes, the documented collector, a namespace."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cluster_board import Board
from infra.dev import collector
from infra.dev.kubectl import kubectl
from streams.demo.announcing import Announcer
from streams.demo.collecting import collecting
from streams.demo.installation import demo_settings, installed
from streams.demo.kubectl import Kubectl
from streams.demo.waiting import Patience
from streams.settings import Settings, read_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What is tried where.

    Attributes:
        namespace: Of the workloads; it is made, and goes with everything in it.
        workloads: Path of their list, as `Board` wants it.
        parts: Suture's parts by name, as the process tree takes them.
        policy: Text of the policy file.
        variables: Further variables of the parts.
    """

    namespace: str
    workloads: str
    parts: Mapping[str, list[str]]
    policy: str
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a trial needs of its surroundings.

    Attributes:
        folder: For what a trial keeps on this machine.
        namespace: Of the workloads.
        settings: Of the installation.
        reader: Applies manifests, and reads what the API holds.
        board: Workloads and pods, as of a moment ago.
        announce: Tells Suture of a deploy as a pipeline does, by `suture ci deploy`.
        tend: Restarts parts that died; raises when the collector did. Called now and then.
        stop: Set when everything shall end.
    """

    folder: Path
    namespace: str
    kubeconfig: Path
    settings: Settings
    reader: Kubectl
    board: Board
    announce: Announcer
    tend: Callable[[], None]
    stop: threading.Event

    @property
    def gateway(self) -> str:
        """The gateway's URL."""
        return f"http://{self.settings.listen}"

    def kubectl(self, *arguments: str) -> str:
        """Return what `kubectl` prints for the administrator, in the namespace.

        Raises:
            RuntimeError: it failed.
        """
        return kubectl(self.kubeconfig, *arguments, f"--namespace={self.namespace}")

    def patience(self, seconds: float) -> Patience:
        """Return what waits so long at most."""
        return Patience(self.stop, time.monotonic() + seconds, lambda: None)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Have variables in this process's environment for the length of the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def product_world(kubeconfig: Path, bootstrap: str, folder: Path, layout: Layout) -> Iterator[World]:
    """Run the product for the length of the block.

    Args:
        kubeconfig: A cluster.
        bootstrap: A Kafka broker, which others may use as well.
        folder: For logs, settings and the trials' own files.
        layout: What is tried where.

    Raises:
        SutureError: a part did not come up.
    """
    stop = threading.Event()
    given = replace(read_settings({}), bootstrap=bootstrap, prefix=f"{layout.namespace}-")
    settings = replace(demo_settings(given, folder, layout.policy), processes=None)
    program = collector.fetch() / "otelcol"
    with ExitStack() as stack:
        # The parts inherit these: an executor and a watcher find the cluster by them.
        stack.enter_context(_environment({"KUBECONFIG": str(kubeconfig), **layout.variables}))
        reader = Kubectl(kubeconfig, folder / "kubectl-proxy.log")
        stack.callback(reader.stop)
        reader.start()
        reader.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": layout.namespace}})
        stack.callback(kubectl, kubeconfig, "delete", "namespace", layout.namespace, "--wait=false")
        suture = stack.enter_context(installed(settings, layout.parts))
        check = stack.enter_context(collecting(program, settings, kubeconfig))

        def tend() -> None:
            suture.tree.tend()
            check()

        suture.wait_until_ready(Patience(stop, time.monotonic() + 180.0, tend))
        stack.callback(stop.set)
        yield World(
            folder=folder,
            namespace=layout.namespace,
            kubeconfig=kubeconfig,
            settings=settings,
            reader=reader,
            board=Board(reader, layout.namespace, layout.workloads),
            announce=Announcer(suture.environment),
            tend=tend,
            stop=stop,
        )
