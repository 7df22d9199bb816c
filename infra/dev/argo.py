"""The Argo Rollouts controller, on this machine, for a cluster of ours or any other.

    with cluster.running() as dev, argo.running(dev):
        dev.apply(rollout)

`kubectl` has no plugin here: pause, abort and promote are patches of the Rollout, as the plugin sends them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.dev import cache, golang, instances
from infra.dev.cluster import Cluster
from infra.dev.instances import Instance
from infra.dev.kubectl import kubectl
from infra.dev.ports import LOOPBACK
from infra.dev.starting import start_on_free_ports

__all__ = ["Controller", "available", "fetch", "is_fetched", "running", "up"]

VERSION = "1.10.1"
SOURCE = Path(__file__).parent / "argo-rollouts"
MODULE = "github.com/argoproj/argo-rollouts"
PROGRAM = "rollouts-controller"
NAMESPACE = "argo-rollouts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """A controller of our own.

    Attributes:
        instance: Its record and folder.
        kubeconfig: The cluster that it serves.
        metrics: URL of its metrics.
        command: Its command line.
    """

    instance: Instance
    kubeconfig: Path
    metrics: str
    command: Sequence[str]

    def start(self) -> None:
        """Start it, or start it again, and return once it answers."""
        self.instance.start(PROGRAM, self.command)
        self.instance.wait_while_alive(PROGRAM, lambda: _answers(self.metrics))

    def stop(self) -> None:
        """Stop it in good order; Rollouts stay as they are until it runs again."""
        self.instance.stop(PROGRAM)


def available() -> str | None:
    """Return why the controller cannot run here, None when it can."""
    if shutil.which("kubectl") is None:
        return "kubectl is not installed, expected it on the path"
    return golang.missing()


def is_fetched() -> bool:
    """Tell whether the long part of `fetch` is done."""
    return cache.entry_of("argo-rollouts", VERSION, [SOURCE]).is_dir()


def fetch() -> Path:
    """Return the folder of the program and of `crds`, built if need be (some four minutes on two cores).

    Raises:
        PartUnavailableError: There is no Go, or the build failed.
    """
    if reason := available():
        raise cache.PartUnavailableError(f"argo: {reason}")
    return cache.cached("argo-rollouts", VERSION, [SOURCE], _build)


@contextmanager
def running(cluster: Cluster | Path, *, name: str | None = None, keep: bool = False) -> Iterator[Controller]:
    """Run the controller for the length of a `with` block; its resource types stay in the cluster.

    Args:
        cluster: The cluster to serve, one of ours or a kubeconfig.
        name: The instance's name; by default one that nobody else has.
        keep: Leave it running when the block ends well.

    Raises:
        PartUnavailableError: There is no Go to build it.
        StartError: It did not come up.
    """
    files = fetch()
    kubeconfig = cluster.kubeconfig if isinstance(cluster, Cluster) else cluster
    _define_types(kubeconfig, files / "crds")
    with instances.owned("argo", name, keep=keep) as instance:

        def start(ports: Sequence[int]) -> Controller:
            metrics_port, health_port = ports
            options = [
                f"--kubeconfig={kubeconfig}",
                f"--namespace={NAMESPACE}",
                "--namespaced=false",
                "--leader-elect=false",
                f"--metricsport={metrics_port}",
                f"--healthzPort={health_port}",
            ]
            controller = Controller(
                instance=instance,
                kubeconfig=kubeconfig,
                metrics=f"http://{LOOPBACK}:{metrics_port}/metrics",
                command=[str(files / PROGRAM), *options],
            )
            instance.log(PROGRAM).unlink(missing_ok=True)
            controller.start()
            return controller

        controller = start_on_free_ports(2, start)
        instance.values.update(kubeconfig=str(kubeconfig), metrics=controller.metrics)
        instance.save()
        yield controller


def up(name: str) -> Instance:
    """Start a controller that stays until `down`, for `KUBECONFIG` or our instance named `cluster`."""
    ours = [one.values.get("kubeconfig") for one in instances.all_instances() if one.name == "cluster"]
    chosen = os.environ.get("KUBECONFIG") or next(filter(None, ours), None)
    if chosen is None:
        raise instances.StartError("no cluster runs, expected KUBECONFIG or `cluster up` first")
    with running(Path(chosen), name=name, keep=True) as controller:
        return controller.instance


def _define_types(kubeconfig: Path, folder: Path) -> None:
    known = kubectl(kubeconfig, "get", "customresourcedefinitions,namespaces", "-o", "name").split()
    if not any(one.endswith("/rollouts.argoproj.io") for one in known):
        # Too long for `apply`, which would keep a copy in an annotation.
        kubectl(kubeconfig, "create", f"--filename={folder}")
    if f"namespace/{NAMESPACE}" not in known:
        kubectl(kubeconfig, "create", "namespace", NAMESPACE)
    kubectl(kubeconfig, "wait", "--for=condition=Established", "--timeout=60s", f"--filename={folder}")


def _build(folder: Path) -> None:
    golang.build(SOURCE, [f"{MODULE}/cmd/{PROGRAM}"], folder)
    place = ["go", "list", "-m", "-f", "{{.Dir}}", MODULE]
    module = subprocess.run(place, cwd=SOURCE, capture_output=True, text=True, check=True).stdout.strip()
    (folder / "crds").mkdir()
    for definition in Path(module, "manifests", "crds").glob("*-crd.yaml"):
        # Contents alone: files of the module cache are read-only, and the cache must stay removable.
        (folder / "crds" / definition.name).write_bytes(definition.read_bytes())


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2.0):
            return True
    except OSError:
        return False
