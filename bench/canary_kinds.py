"""Kinds of canaries: good ones that a hasty judge would abort, and bad ones as real pods can be bad.

The seed draws in which order they come. What a pod does by chance, such as which of its requests fail, is
drawn by the pod itself and differs from run to run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from infra.dev.shop_images import SHOP_V2

MISSING_IMAGE = "localhost/shop:v9"
"""An image that no node has and no registry can be asked for."""


class Asks(StrEnum):
    """When Argo asks for the verdict.

    STEP: by an analysis step behind the first weight, which is reached when the canary's pods are ready.
    START: from the new template on as well, by a background analysis, ready or not.
    """

    STEP = "step"
    START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryKind:
    """What is released, and over what.

    Attributes:
        name: Of the kind, fit for a pod's name.
        is_bad: Whether it should be kept from all users.
        stable: Environment of the version that serves before; both versions have it.
        canary: Environment that only the new version has.
        image: Of the new version.
        probe: Path of the new version's readiness probe.
        asks: When Argo asks for the verdict.
        takes_a_place: A pod of the old version goes before the new one is ready, instead of after.
    """

    name: str
    is_bad: bool
    stable: Mapping[str, str] = field(default_factory=dict)
    canary: Mapping[str, str] = field(default_factory=dict)
    image: str = SHOP_V2
    probe: str = "/healthz"
    asks: Asks = Asks.STEP
    takes_a_place: bool = False


def _striking(fault: str, ratio: str) -> dict[str, str]:
    return {"FAULT": fault, "FAULT_RATIO": ratio}


GOOD = (
    CanaryKind(name="well", is_bad=False),
    CanaryKind(name="as-faulty-as-before", is_bad=False, stable=_striking("errors", "0.02")),
    CanaryKind(name="as-slow-as-before", is_bad=False, stable=_striking("latency", "0.05")),
    CanaryKind(name="well-asked-early", is_bad=False, asks=Asks.START),
)
BAD = (
    CanaryKind(name="errors-all", is_bad=True, canary=_striking("errors", "1")),
    CanaryKind(name="errors-30", is_bad=True, canary=_striking("errors", "0.3")),
    CanaryKind(name="errors-10", is_bad=True, canary=_striking("errors", "0.1")),
    CanaryKind(name="latency-all", is_bad=True, canary=_striking("latency", "1")),
    CanaryKind(name="latency-20", is_bad=True, canary=_striking("latency", "0.2")),
    CanaryKind(name="crash-later", is_bad=True, canary={"FAULT": "crash", "CRASH_AFTER_S": "8"}),
    CanaryKind(name="silent", is_bad=True, canary={"FAULT": "silent"}),
    CanaryKind(
        name="crash-at-start",
        is_bad=True,
        canary={"FAULT": "crash", "CRASH_AFTER_S": "0"},
        asks=Asks.START,
    ),
    CanaryKind(
        name="no-image-in-place", is_bad=True, image=MISSING_IMAGE, asks=Asks.START, takes_a_place=True
    ),
    CanaryKind(name="never-ready", is_bad=True, probe="/nowhere"),
    CanaryKind(name="no-image", is_bad=True, image=MISSING_IMAGE, asks=Asks.START),
    CanaryKind(name="never-ready-asked-early", is_bad=True, probe="/nowhere", asks=Asks.START),
    CanaryKind(name="no-image-asked-late", is_bad=True, image=MISSING_IMAGE),
)


def named(names: str) -> list[CanaryKind]:
    """Return the kinds of these names, which commas separate.

    Raises:
        KeyError: there is no such kind.
    """
    known = {kind.name: kind for kind in (*GOOD, *BAD)}
    return [known[name] for name in names.split(",")]


def drawn(count: int, bad: int, seed: int) -> list[CanaryKind]:
    """Return so many canaries of which so many are bad, every kind in turn, in an order that the seed draws.

    Raises:
        ValueError: there are fewer canaries than bad ones.

    >>> sum(kind.is_bad for kind in drawn(20, 10, 1)), drawn(20, 10, 1) == drawn(20, 10, 1)
    (10, True)
    """
    if not 0 <= bad <= count:
        raise ValueError(f"{bad} bad canaries of {count}, expected none to all of them")
    kinds = [BAD[number % len(BAD)] for number in range(bad)]
    kinds += [GOOD[number % len(GOOD)] for number in range(count - bad)]
    Random(seed).shuffle(kinds)
    return kinds
