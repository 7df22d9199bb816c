"""Take away what an instance left on the machine beside its processes.

A node leaves containers, the shims that watch them, mounts below its folder, a bridge and entries in
folders that the container tools share. Each step here stands alone and may be repeated, so the same
code serves an orderly end and the remains of a killed run.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from infra.dev import processes
from infra.dev.waiting import wait_until

__all__ = ["mounts_below", "remove", "remove_folder"]

# Fixed in the container network library; entries begin with the network's name.
CNI_RESULTS = Path("/var/lib/cni/results")
# Fixed in kubelet: links to the log files of all containers.
CONTAINER_LOGS = Path("/var/log/containers")


def remove(directory: Path, bridges: Sequence[str], *, mark: tuple[str, str]) -> None:
    """Remove everything that an instance left, and its folder last.

    Args:
        directory: The instance's folder.
        bridges: Its bridges, which are also the names of its container networks.
        mark: Environment variable and value of every process of the instance.
    """
    _delete_containers(directory / "runc")
    _kill_marked(*mark)
    for address in directory.glob("containerd/state/io.containerd.runtime.v2.task/*/*/address"):
        Path(address.read_text().strip().removeprefix("unix://")).unlink(missing_ok=True)
    for link in CONTAINER_LOGS.glob("*") if CONTAINER_LOGS.is_dir() else ():
        if link.is_symlink() and link.readlink().is_relative_to(directory):
            link.unlink(missing_ok=True)
    for bridge in bridges:
        subprocess.run(["ip", "link", "delete", bridge], capture_output=True, check=False)
        _forget_networks_of(bridge)
    remove_folder(directory)


def remove_folder(directory: Path) -> None:
    """Unmount whatever is mounted below a folder, then remove it.

    Raises:
        OSError: Something stayed mounted; removing would then delete what lies in the mount.
    """
    for mount in mounts_below(directory):
        if subprocess.run(["umount", mount], capture_output=True, check=False).returncode:
            subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
    if still := mounts_below(directory):
        raise OSError(f"{directory}: {still[0]} is still mounted, expected no mount below")
    # Another run may be removing the same leftovers.
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():
        shutil.rmtree(directory)


def mounts_below(directory: Path, table: Path = Path("/proc/self/mounts")) -> list[str]:
    """Return the mount points below a folder, the innermost first; none where there is no such table."""
    if not table.exists():
        return []
    # The table writes a space as \040; the folders here are made by us and hold none.
    points = [line.split()[1] for line in table.read_text().splitlines()]
    return [point for point in reversed(points) if point.startswith(f"{directory}/")]


def _delete_containers(runc_root: Path) -> None:
    for namespace in runc_root.glob("*"):
        for container in namespace.glob("*"):
            command = ["runc", "--root", str(namespace), "delete", "--force", container.name]
            subprocess.run(command, capture_output=True, check=False)


def _forget_networks_of(bridge: str) -> None:
    for result in CNI_RESULTS.glob(f"{bridge}-*"):
        # `<network>-<container>-<interface>`; a container's loopback is a network of its own.
        container = result.name.removeprefix(f"{bridge}-").partition("-")[0]
        for one in CNI_RESULTS.glob(f"*-{container}-*"):
            one.unlink(missing_ok=True)


def _kill_marked(variable: str, value: str) -> None:
    for process in list(processes.marked_with(variable, value)):
        family = [process, *processes.children_of(process)]
        for one in family:
            processes.send(one, signal.SIGKILL)
        for one in family:
            wait_until(lambda one=one: not one.is_alive, deadline_s=30.0, what=f"end of process {one.pid}")  # type: ignore[misc]  # a bound loop variable
