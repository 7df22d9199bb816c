"""One canary's life: the old version under traffic, the new template, and what Argo made of our verdict."""

import json
import time
import urllib.request
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bench.canary_kinds import CanaryKind
from bench.canary_manifests import ENVIRONMENT, NEW, OLD, PODS, rollout
from bench.product_world import World
from schemas.errors import SutureError
from streams.demo.traffic import Tally, Traffic
from streams.demo.waiting import Patience, TooLateError

REQUESTS_PER_SECOND = 20.0
QUIET_SECONDS = 30.0
"""How long the old version serves before the new one comes."""

PATIENCE_SECONDS = 210.0
"""A canary of which nothing was decided by then is given up."""


class Fate(StrEnum):
    """What became of a canary.

    PROMOTED: all pods run it. ABORTED: by our verdict. DEADLINE: by Argo, because its pods were not ready in
    time. OTHERWISE: aborted for another reason. PAUSED: waits for a human. TIMEOUT: none of these in time.
    """

    PROMOTED = "promoted"
    ABORTED = "aborted by verdict"
    DEADLINE = "aborted by Argo's deadline"
    OTHERWISE = "aborted otherwise"
    PAUSED = "paused"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How one canary fared.

    Attributes:
        seconds: From the new template to the fate; None when it was given up.
        verdict: What the gateway answered about it at the end.
        reason: Its first reason.
        message: What the Rollout's status says.
        requests: Sent to pods of the new version.
        bad_requests: Of these, failed or slow.
    """

    service: str
    kind: CanaryKind
    fate: Fate
    seconds: float | None
    verdict: str
    reason: str
    message: str
    requests: int
    bad_requests: int

    @property
    def is_right(self) -> bool:
        """Return whether users were spared a bad version, or got a good one."""
        spared = self.fate in (Fate.ABORTED, Fate.DEADLINE, Fate.OTHERWISE)
        return spared if self.kind.is_bad else self.fate is Fate.PROMOTED


def try_canary(world: World, kind: CanaryKind, service: str) -> Tried:
    """Release one canary and return how it fared; its pods are gone afterwards.

    Raises:
        SutureError: the old version did not come up, or the deploy could not be told.
    """
    tally = Tally()
    traffic = Traffic(lambda: world.board.places(service), REQUESTS_PER_SECOND, tally, "/")
    patience = world.patience(QUIET_SECONDS + PATIENCE_SECONDS + 300.0)
    try:
        world.reader.apply(rollout(kind, service, OLD))
        patience.until(
            lambda: (
                len(world.board.places(service)) == PODS and _status(world, service)["phase"] == "Healthy"
            ),
            f"{PODS} ready pods of {service}",
            180.0,
        )
        traffic.start()
        patience.sleep(QUIET_SECONDS)
        stable = _status(world, service)["stableRS"]
        began = time.monotonic()
        world.reader.apply(rollout(kind, service, NEW))
        patience.until(
            lambda: _status(world, service)["currentPodHash"] not in ("", stable),
            f"template of {service}",
        )
        template = _status(world, service)["currentPodHash"]
        world.announce(service, NEW, ENVIRONMENT, template)
        ended: float | None
        try:
            fate = _awaited(world, patience, service, template)
            ended = round(time.monotonic() - began, 1)
        except TooLateError:
            fate, ended = Fate.TIMEOUT, None
        said = verdict_of(world.gateway, service, template)
        count = tally.count(NEW)
        return Tried(
            service=service,
            kind=kind,
            fate=fate,
            seconds=ended,
            verdict=str(said["verdict"]),
            reason=str(said["reasons"][0]) if said["reasons"] else "",
            message=_status(world, service)["message"],
            requests=count.sent,
            bad_requests=count.bad,
        )
    finally:
        traffic.close()
        world.kubectl("delete", "rollout", service)


def _awaited(world: World, patience: Patience, service: str, template: str) -> Fate:
    """Return what becomes of a template.

    Raises:
        TooLateError: nothing does in time.
    """
    seen: list[Fate] = []

    def is_decided() -> bool:
        fate = fate_of(_status(world, service), template)
        if fate is not None:
            seen.append(fate)
        return fate is not None

    patience.until(is_decided, f"the fate of {service}", PATIENCE_SECONDS)
    return seen[-1]


def fate_of(status: dict[str, Any], template: str) -> Fate | None:
    """Return what became of a template by its Rollout's status; None while that is open."""
    if status["abort"]:
        if "assessed Failed" in status["message"]:
            return Fate.ABORTED
        return Fate.DEADLINE if "timed out progressing" in status["message"] else Fate.OTHERWISE
    if status["stableRS"] == template and status["phase"] == "Healthy":
        return Fate.PROMOTED
    if any(one.get("reason") == "InconclusiveAnalysisRun" for one in status["pauseConditions"]):
        return Fate.PAUSED
    return None


def verdict_of(gateway: str, service: str, template: str) -> dict[str, Any]:
    """Return what the gateway answers about the new version.

    Raises:
        SutureError: it does not answer.
    """
    url = f"{gateway}/v1/releases/{ENVIRONMENT}/{service}/{NEW}/verdict?template={template}"
    try:
        with urllib.request.urlopen(url, timeout=10.0) as answer:  # noqa: S310  # our own gateway
            said: dict[str, Any] = json.load(answer)
            return said
    except OSError as error:
        raise SutureError(f"{url} does not answer: {error}") from error


def _status(world: World, service: str) -> dict[str, Any]:
    """Return a Rollout's status with empty values for what it does not say."""
    said = world.board.workload(service).get("status", {})
    empty = {"phase": "", "stableRS": "", "currentPodHash": "", "abort": False, "message": ""}
    return {**empty, "pauseConditions": [], **{name: value for name, value in said.items() if value}}
