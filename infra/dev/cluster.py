"""A real Kubernetes with one node and real pods, as root on Linux.

    with cluster.running() as dev:
        dev.apply(manifest)
        dev.kubectl("rollout", "status", "deployment/shop")

What works: everything of the API with RBAC on, pods of local images, `logs`, `exec`, `port-forward`.
This machine reaches pods by their address, pods reach this machine at `host_address`, and each other.
What does not: services' addresses (nothing routes them), names (there is no DNS), the world outside,
tokens inside pods, and the API from pods (it listens on loopback).
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.dev import (
    cache,
    credentials,
    debian,
    golang,
    instances,
    kubernetes_programs,
    networks,
    node,
    processes,
    shop_images,
)
from infra.dev.control_plane import ControlPlane, start_control_plane
from infra.dev.instances import Instance
from infra.dev.kubectl import kubectl
from infra.dev.networks import PodNetwork
from infra.dev.waiting import wait_until

__all__ = ["Cluster", "available", "fetch", "is_fetched", "running", "up"]


@dataclass(slots=True, kw_only=True)
class Cluster:
    """A cluster of our own.

    Attributes:
        instance: Its record and folder.
        network: Its address ranges.
        control_plane: Its API server and who may speak to it.
        commands: The command line of each program.
    """

    instance: Instance
    network: PodNetwork
    control_plane: ControlPlane
    commands: dict[str, Sequence[str]] = field(default_factory=dict)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.kubeconfig_of(self.token(credentials.ADMIN), credentials.ADMIN)

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self.control_plane.server

    @property
    def host_address(self) -> str:
        """This machine's address as pods see it, the gateway of their network.

        A service that pods shall reach listens there, for example a broker started with
        `kafka.running(also_on=[cluster.host_address])`.
        """
        return self.network.gateway

    def token(self, user: str) -> str:
        """Return the token of `admin` or of a user given to `running`."""
        return self.control_plane.tokens[user]

    def service_account_token(self, namespace: str, name: str) -> str:
        """Return a fresh token of a service account, to try what its role allows."""
        return self.kubectl("create", "token", name, f"--namespace={namespace}").strip()

    def kubeconfig_of(self, token: str, name: str) -> Path:
        """Return a kubeconfig for a token; `name` tells its file from others."""
        path = self.instance.path("kubeconfigs") / name
        path.write_text(credentials.kubeconfig(self.server, self.control_plane.authority, token))
        return path

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Return what `kubectl` prints for the administrator, `given` on its standard input.

        Raises:
            RuntimeError: It failed; the message holds its complaint.
        """
        return kubectl(self.kubeconfig, *arguments, given=given)

    def apply(self, *manifests: Mapping[str, object] | str) -> None:
        """Create or change objects, given as values or as YAML."""
        texts = [one if isinstance(one, str) else json.dumps(one) for one in manifests]
        self.kubectl("apply", "--filename=-", given="\n---\n".join(texts))

    def import_image(self, archive: Path) -> None:
        """Give the node an image written by `image.write_image`."""
        node.import_image(self.instance, archive)

    def pod_addresses(self, selector: str, namespace: str = "default") -> list[str]:
        """Return the addresses of the pods with these labels that are ready and not on their way out."""
        listing = self.kubectl(
            "get", "pods", f"--namespace={namespace}", f"--selector={selector}", "-o", "json"
        )
        staying = [pod for pod in json.loads(listing)["items"] if "deletionTimestamp" not in pod["metadata"]]
        return sorted(pod["status"]["podIP"] for pod in staying if _is_ready(pod))

    def stop(self, role: str) -> None:
        """Stop one of its programs, such as `kube-apiserver` or `kubelet`, in good order."""
        self.instance.stop(role)

    def kill(self, role: str) -> None:
        """Kill one of its programs as a crash would."""
        process = self.instance.processes[role]
        processes.send(process, signal.SIGKILL)
        wait_until(lambda: not process.is_alive, deadline_s=30.0, what=f"end of {role}")

    def start(self, role: str) -> None:
        """Start a program again that was stopped or killed, on the same address and data."""
        if not self.instance.processes[role].is_alive:
            self.instance.start(role, self.commands[role])


def available() -> str | None:
    """Return why a cluster cannot run here, None when it can."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        return "real pods need root on Linux, expected that or a KUBECONFIG of another cluster"
    for program in ("ip", "openssl", "kubectl"):
        if shutil.which(program) is None:
            return f"{program} is not installed, expected it on the path"
    return golang.missing() or debian.missing(node.PROGRAMS)


def is_fetched() -> bool:
    """Tell whether the long part of `fetch` is done."""
    return kubernetes_programs.is_fetched()


def fetch() -> Path:
    """Return the folder of the programs, built if need be (some six minutes on two cores).

    Raises:
        PartUnavailableError: This machine cannot run a cluster.
    """
    if reason := available():
        raise cache.PartUnavailableError(f"cluster: {reason}")
    debian.install(node.PROGRAMS)
    shop_images.fetch()
    return kubernetes_programs.fetch()


@contextmanager
def running(
    *,
    name: str | None = None,
    users: Mapping[str, Sequence[str]] | None = None,
    keep: bool = False,
) -> Iterator[Cluster]:
    """Run a cluster for the length of a `with` block; its node is Ready, and has our images.

    Args:
        name: The instance's name; by default one that nobody else has.
        users: Further users with their groups; `Cluster.token` gives their tokens, RBAC their rights.
        keep: Leave it running when the block ends well.

    Raises:
        PartUnavailableError: This machine cannot run a cluster.
        StartError: One of its programs did not come up.
    """
    programs = fetch()
    with instances.owned("cluster", name, keep=keep) as instance:
        network = networks.claim(instance)
        control_plane = start_control_plane(instance, programs, network, users or {})
        cluster = Cluster(instance=instance, network=network, control_plane=control_plane)
        cluster.commands.update(control_plane.commands)
        cluster.commands[node.CONTAINERD] = node.start_containerd(instance, network)
        for archive in sorted(shop_images.fetch().glob("*.tar")):
            cluster.import_image(archive)
        cluster.commands[node.KUBELET] = node.start_kubelet(instance, programs, control_plane)
        instance.wait_while_alive(node.KUBELET, lambda: _has_ready_node(cluster))
        instance.values.update(
            kubeconfig=str(cluster.kubeconfig), server=cluster.server, host_address=cluster.host_address
        )
        instance.save()
        yield cluster


def up(name: str) -> Instance:
    """Start a cluster that stays until `down`."""
    with running(name=name, keep=True) as cluster:
        return cluster.instance


def _has_ready_node(cluster: Cluster) -> bool:
    nodes = json.loads(cluster.kubectl("get", "nodes", "-o", "json"))["items"]
    return any(_is_ready(one) for one in nodes)


def _is_ready(thing: Mapping[str, Mapping[str, list[dict[str, str]]]]) -> bool:
    conditions = thing["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
