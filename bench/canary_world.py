"""Where canaries are tried: Suture's parts as processes, the documented collector, a namespace."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.canary_manifests import NAMESPACE, analysis_template
from bench.cluster_board import ROLLOUTS, Board
from infra.dev import collector
from infra.dev.kubectl import kubectl
from streams.demo.announcing import Announcer
from streams.demo.collecting import collecting
from streams.demo.installation import demo_settings, installed
from streams.demo.kubectl import Kubectl
from streams.demo.waiting import Patience
from streams.settings import read_settings

PARTS = {
    "judge": ["worker", "--role=judge"],
    "gate": ["worker", "--role=gate"],
    "gateway": ["gateway"],
}
"""Argo acts: there is nothing for an executor to do, and the gate only says what it would have done."""

WATCH_SECONDS = 75
POLICY = f"""\
# Times are short, so that a canary is judged in a minute; signals, margins and the budget of false
# rollbacks are the built-in ones. Argo acts on the verdict, so Suture does not.
version: 1
defaults:
  judge:
    interval: 3s
    lateness: 2s
    watch: {WATCH_SECONDS}s
    min_watch: 30s
    min_intervals: 6
    quiet: 60s
  gate: {{rollback: shadow, promote: shadow}}
  target: {{kind: rollout, namespace: {NAMESPACE}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a trial needs of its surroundings.

    Attributes:
        kubeconfig: Of the cluster.
        kubectl: Applies manifests, and reads.
        board: Rollouts and pods, as of a moment ago.
        announce: Tells Suture of a deploy as a pipeline does, by `suture ci deploy`.
        gateway: URL of the gateway.
        tend: Restarts parts that died; raises when the collector did. Called now and then.
        stop: Set when everything shall end.
    """

    kubeconfig: Path
    kubectl: Kubectl
    board: Board
    announce: Announcer
    gateway: str
    tend: Callable[[], None]
    stop: threading.Event

    def remove(self, service: str) -> None:
        """Remove a service's Rollout and wait until its pods are on their way out."""
        kubectl(self.kubeconfig, "delete", "rollout", service, f"--namespace={NAMESPACE}")

    def patience(self, seconds: float) -> Patience:
        """Return what waits so long at most."""
        return Patience(self.stop, time.monotonic() + seconds, lambda: None)


@contextmanager
def canary_world(kubeconfig: Path, bootstrap: str, folder: Path) -> Iterator[World]:
    """Run what canaries are tried in for the length of the block.

    Args:
        kubeconfig: A cluster that Argo Rollouts' controller serves.
        bootstrap: A Kafka broker, which others may use as well.
        folder: For logs and settings.

    Raises:
        SutureError: a part did not come up.
    """
    stop = threading.Event()
    given = replace(read_settings({}), bootstrap=bootstrap, prefix=f"canaries-{os.getpid()}.")
    settings = demo_settings(given, folder, POLICY)
    program = collector.fetch() / "otelcol"
    with ExitStack() as stack:
        suture = stack.enter_context(installed(settings, PARTS))
        reader = Kubectl(kubeconfig, folder / "kubectl-proxy.log")
        stack.callback(reader.stop)
        reader.start()
        reader.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        stack.callback(kubectl, kubeconfig, "delete", "namespace", NAMESPACE, "--wait=false")
        gateway = f"http://{settings.listen}"
        reader.apply(analysis_template(gateway))
        check = stack.enter_context(collecting(program, settings, kubeconfig))

        def tend() -> None:
            suture.tree.tend()
            check()

        suture.wait_until_ready(Patience(stop, time.monotonic() + 180.0, tend))
        stack.callback(stop.set)
        yield World(
            kubeconfig=kubeconfig,
            kubectl=reader,
            board=Board(reader, NAMESPACE, ROLLOUTS),
            announce=Announcer(suture.environment),
            gateway=gateway,
            tend=tend,
            stop=stop,
        )
