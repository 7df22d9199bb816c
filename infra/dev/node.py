"""The one node of a cluster: containerd with a bridge network, and kubelet."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from infra.dev import credentials
from infra.dev.control_plane import ControlPlane
from infra.dev.instances import Instance, StartError
from infra.dev.networks import PodNetwork
from infra.dev.ports import LOOPBACK
from infra.dev.shop_images import PAUSE

__all__ = ["CONTAINERD", "KUBELET", "NODE", "PROGRAMS", "import_image", "start_containerd", "start_kubelet"]

NODE = "localhost"
CONTAINERD = "containerd"
KUBELET = "kubelet"
CNI_PROGRAMS = "/usr/lib/cni"
# The Debian package of each program that a node needs.
PROGRAMS: Mapping[str, str] = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    f"{CNI_PROGRAMS}/bridge": "containernetworking-plugins",
}
# The system's limit for the address of a socket, less its end mark.
SOCKET_PATH_MAX = 107


def start_containerd(instance: Instance, network: PodNetwork) -> list[str]:
    """Start containerd with folders of its own, and return its command line once it answers.

    Raises:
        StartError: It ended by itself, or the instance's path is too long for a socket.
    """
    socket = _socket(instance)
    if len(f"{socket}.ttrpc") > SOCKET_PATH_MAX:
        raise StartError(f"{socket} is too long for a socket, expected a shorter XDG_STATE_HOME or name")
    home = instance.path("containerd")
    networks = instance.path("containerd", "networks")
    (networks / "pods.conflist").write_text(json.dumps(_container_network(instance, network), indent=2))
    (home / "config.toml").write_text(_containerd_config(instance))
    command = ["containerd", "--config", str(home / "config.toml")]
    instance.start(CONTAINERD, command)
    instance.wait_while_alive(CONTAINERD, lambda: _ctr(instance, "plugins", "ls", "-q").returncode == 0)
    return command


def import_image(instance: Instance, archive: Path) -> None:
    """Give the node an image from a tar file; pods name it with `imagePullPolicy: Never`.

    Raises:
        StartError: containerd refused it.
    """
    done = _ctr(instance, "-n", "k8s.io", "images", "import", str(archive))
    if done.returncode:
        raise StartError(f"import of {archive.name} into {instance.name} failed: {done.stderr.strip()}")


def start_kubelet(instance: Instance, programs: Path, control_plane: ControlPlane) -> list[str]:
    """Start kubelet and return its command line; the node is Ready some seconds later."""
    home = instance.path("kubelet")
    configuration = _kubelet_configuration(instance, control_plane.kubelet_port)
    (home / "config.yaml").write_text(yaml.safe_dump(configuration))
    token = control_plane.tokens[f"system:node:{NODE}"]
    kubeconfig = credentials.kubeconfig(control_plane.server, control_plane.authority, token)
    (home / "kubeconfig").write_text(kubeconfig)
    command = [
        str(programs / KUBELET),
        f"--kubeconfig={home / 'kubeconfig'}",
        f"--config={home / 'config.yaml'}",
        f"--root-dir={instance.path('kubelet', 'root')}",
        f"--cert-dir={home / 'certificates'}",
        f"--hostname-override={NODE}",
    ]
    instance.start(KUBELET, command)
    return command


def _socket(instance: Instance) -> Path:
    return instance.directory / "containerd" / "containerd.sock"


def _ctr(instance: Instance, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["ctr", "--address", str(_socket(instance)), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _containerd_config(instance: Instance) -> str:
    home = instance.directory / "containerd"
    return f"""\
version = 2
root = "{home / "root"}"
state = "{home / "state"}"
disabled_plugins = [
  "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
address = "{_socket(instance)}"

[debug]
level = "warn"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
# A machine without CAP_SYS_RESOURCE may not lower this score, and no sandbox would start.
restrict_oom_score_adj = true
# Below our own folder, so that what a killed run leaves is found.
netns_mounts_under_state_dir = true
stream_server_address = "{LOOPBACK}"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{CNI_PROGRAMS}"
conf_dir = "{home / "networks"}"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
Root = "{instance.directory / "runc"}"
"""


def _container_network(instance: Instance, network: PodNetwork) -> dict[str, object]:
    """Return the network's plugins.

    The bridge is ours and has its address already. With `isGateway` the plugin would also switch on
    forwarding for the whole machine.
    """
    addresses = {
        "type": "host-local",
        "dataDir": str(instance.path("containerd", "addresses")),
        "ranges": [[{"subnet": network.pods, "gateway": network.gateway}]],
        "routes": [{"dst": "0.0.0.0/0", "gw": network.gateway}],
    }
    bridge = {"type": "bridge", "bridge": network.bridge, "hairpinMode": True, "ipam": addresses}
    return {"cniVersion": "1.0.0", "name": network.bridge, "plugins": [bridge]}


def _kubelet_configuration(instance: Instance, port: int) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": LOOPBACK,
        "port": port,
        "healthzPort": 0,
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": f"unix://{_socket(instance)}",
        "podLogsDir": str(instance.path("kubelet", "pod-logs")),
        "failSwapOn": False,
        # The machine's groups are not ours to arrange.
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "makeIPTablesUtilChains": False,
        # A full disk is a reason to fail loudly, not to throw pods or images out of a test.
        "evictionHard": {},
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": False,
        "clusterDomain": "cluster.local",
    }
