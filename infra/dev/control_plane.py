"""etcd, API server, controller manager and scheduler of one cluster."""

from __future__ import annotations

import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.dev import credentials
from infra.dev.instances import Instance
from infra.dev.networks import PodNetwork
from infra.dev.ports import LOOPBACK, accepts_connections
from infra.dev.starting import start_on_free_ports

__all__ = ["ControlPlane", "start_control_plane"]

API_SERVER = "kube-apiserver"
CONTROLLERS = "kube-controller-manager"
SCHEDULER = "kube-scheduler"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """What the rest of a cluster needs to know of its control plane.

    Attributes:
        server: The API server's URL.
        authority: The certificate it shows, PEM.
        tokens: By user.
        kubelet_port: The port that was set aside for the node.
        commands: The command line of each program, to start it again.
    """

    server: str
    authority: bytes
    tokens: Mapping[str, str]
    kubelet_port: int
    commands: Mapping[str, Sequence[str]]


def start_control_plane(
    instance: Instance, programs: Path, network: PodNetwork, users: Mapping[str, Sequence[str]]
) -> ControlPlane:
    """Start the control plane and return once its API answers.

    Args:
        instance: Gets the processes.
        programs: The folder of the built programs.
        network: The cluster's address ranges.
        users: Groups by user, for each of whom a token is issued; the components' own come on top.

    Raises:
        StartError: One of the programs ended by itself.
    """
    everyone = {**credentials.COMPONENTS, **users}
    tokens = credentials.issue_tokens(everyone)
    keys = instance.path("keys")
    (keys / "tokens.csv").write_text(credentials.token_file(everyone, tokens))
    credentials.write_signing_key(keys / "service-accounts.key", keys / "service-accounts.pub")

    def start(ports: Sequence[int]) -> ControlPlane:
        for role in reversed(instance.processes):
            instance.stop(role)
        shutil.rmtree(instance.directory / "etcd", ignore_errors=True)
        client_port, peer_port, api_port, kubelet_port = ports
        server = f"https://{LOOPBACK}:{api_port}"
        commands = {
            "etcd": _etcd(instance, programs, client_port, peer_port),
            API_SERVER: _api_server(instance, programs, network, client_port, api_port),
        }
        instance.start("etcd", commands["etcd"])
        # An API server that finds no etcd waits a second before it looks again.
        instance.wait_while_alive("etcd", lambda: accepts_connections(client_port))
        instance.start(API_SERVER, commands[API_SERVER])
        instance.wait_while_alive(API_SERVER, lambda: is_ready(server, tokens[credentials.ADMIN]))
        authority = (instance.directory / "certificates" / "apiserver.crt").read_bytes()
        for role, user, more in (
            (CONTROLLERS, "system:kube-controller-manager", _controller_options(keys, network)),
            (SCHEDULER, "system:kube-scheduler", []),
        ):
            config = keys / f"{role}.kubeconfig"
            config.write_text(credentials.kubeconfig(server, authority, tokens[user]))
            shared = [f"--kubeconfig={config}", "--leader-elect=false", "--secure-port=0"]
            commands[role] = [str(programs / role), *shared, *more]
            instance.start(role, commands[role])
        return ControlPlane(
            server=server, authority=authority, tokens=tokens, kubelet_port=kubelet_port, commands=commands
        )

    return start_on_free_ports(4, start)


def is_ready(server: str, token: str) -> bool:
    """Tell whether the API server says that it is ready."""
    # It is ours, on loopback, and its certificate may not be written yet.
    context = ssl._create_unverified_context()
    request = urllib.request.Request(f"{server}/readyz", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=2.0, context=context) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _etcd(instance: Instance, programs: Path, client_port: int, peer_port: int) -> list[str]:
    client, peer = (f"http://{LOOPBACK}:{port}" for port in (client_port, peer_port))
    return [
        str(programs / "server"),
        f"--data-dir={instance.directory / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        # Nothing here outlives the machine, and a disk's flushes are most of a write's time.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _api_server(
    instance: Instance, programs: Path, network: PodNetwork, etcd_port: int, port: int
) -> list[str]:
    keys = instance.directory / "keys"
    return [
        str(programs / API_SERVER),
        f"--etcd-servers=http://{LOOPBACK}:{etcd_port}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={port}",
        f"--cert-dir={instance.directory / 'certificates'}",
        f"--service-account-key-file={keys / 'service-accounts.pub'}",
        f"--service-account-signing-key-file={keys / 'service-accounts.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={network.services}",
        "--authorization-mode=Node,RBAC",
        f"--token-auth-file={keys / 'tokens.csv'}",
        "--allow-privileged=true",
        # Pods get no token of their own: the API listens on loopback, where they could not use it.
        "--disable-admission-plugins=ServiceAccount",
        # The node's name is localhost, so that logs, exec and port-forward find it.
        "--kubelet-preferred-address-types=Hostname",
        # There is one API server, on loopback; the default wants an address that others could reach.
        "--endpoint-reconciler-type=none",
    ]


def _controller_options(keys: Path, network: PodNetwork) -> list[str]:
    return [
        f"--service-account-private-key-file={keys / 'service-accounts.key'}",
        f"--cluster-cidr={network.pods}",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
