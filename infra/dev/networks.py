"""Address ranges and bridges for pods, so that clusters stand side by side."""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from infra.dev import instances
from infra.dev.instances import Instance, StartError
from infra.dev.locks import locked

__all__ = ["PodNetwork", "claim", "first_free"]

PODS = ipaddress.IPv4Network("10.213.0.0/16")
SERVICES = ipaddress.IPv4Network("10.214.0.0/16")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodNetwork:
    """The network of one cluster.

    Attributes:
        bridge: The bridge that pods hang on; also the container network's name.
        pods: Their address range.
        services: The range of services' addresses, which nothing routes.
        gateway: This machine's address on the bridge, where pods reach it.
    """

    bridge: str
    pods: str
    services: str
    gateway: str


def claim(instance: Instance) -> PodNetwork:
    """Give an instance a range that no other uses, and make its bridge.

    No forwarding and no address translation: pods reach each other and this machine, nothing else.

    Raises:
        StartError: All ranges are in use, or the bridge could not be made.
    """
    with locked(instances.state_root() / ".network-lock"):
        used = [network for other in instances.all_instances() for network in other.networks]
        index = first_free([*used, *_routed()])
        pods = list(PODS.subnets(new_prefix=24))[index]
        services = list(SERVICES.subnets(new_prefix=24))[index]
        network = PodNetwork(
            bridge=f"suture{index}", pods=str(pods), services=str(services), gateway=str(pods[1])
        )
        instance.bridges.append(network.bridge)
        instance.networks.extend((network.pods, network.services))
        instance.save()
    _ip("link", "add", network.bridge, "type", "bridge")
    _ip("address", "add", f"{network.gateway}/24", "dev", network.bridge)
    _ip("link", "set", network.bridge, "up")
    return network


def first_free(used: Iterable[str]) -> int:
    """Return the index of the first pair of ranges that overlaps none of these.

    >>> first_free(["10.213.0.0/24", "10.214.1.0/24"])
    2
    """
    taken = [ipaddress.IPv4Network(network) for network in used]
    pairs = zip(PODS.subnets(new_prefix=24), SERVICES.subnets(new_prefix=24), strict=True)
    for index, pair in enumerate(pairs):
        if not any(mine.overlaps(other) for mine in pair for other in taken):
            return index
    raise StartError(f"no range of {PODS} is free, expected at least one of 256")


def _routed() -> list[str]:
    listing = subprocess.run(["ip", "-4", "route"], capture_output=True, text=True, check=True).stdout
    targets = [line.split()[0] for line in listing.splitlines() if line]
    return [target for target in targets if target[0].isdigit()]


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartError(f"ip {' '.join(arguments)} failed: {done.stderr.strip()}")
