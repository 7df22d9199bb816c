"""Known ways in which pods fail, told by what the kubelet says of them. Pure.

A container that crashes runs for a moment between two crashes, and its pod is ready then. So a pod has three
conditions here: it fails; it is well; or it is *unproven*, which neither begins a failure nor ends one.

A container has proven itself when it has run for as long as `proof` asks: twice its last back-off, twice its
last run, at most the ten minutes after which the kubelet itself forgets a back-off. Blind to a container that
crashes less often than every five minutes.

Source: kubernetes.io, Pod Lifecycle, "Container restart policy" (back-off of 10 s, doubled up to 300 s, reset
after 10 minutes); kubernetes v1.34, pkg/kubelet/images/types.go (reasons of images).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from actions.cluster_objects import ContainerSeen, Ended, PodSeen
from schemas.failures import FailurePattern

IMAGE_REASONS = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
)
_BACK_OFF = "CrashLoopBackOff"
_OOM = "OOMKilled"

RISING = 3
"""Restarts from which a container that has not proven itself fails, also while it runs for a moment."""

SHORTEST_PROOF = timedelta(seconds=30)
LONGEST_PROOF = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a watcher waits before it calls something so.

    Attributes:
        not_ready: A pod whose containers run may be unready so long. Shorter takes slow starts for failures;
            longer finds hanging ones later.
        calm: A pod must have been ready for so long before a failure of its workload is over. Shorter ends
            failures that go on; longer keeps playbooks waiting.
    """

    not_ready: timedelta = timedelta(seconds=60)
    calm: timedelta = timedelta(seconds=30)


class Condition(StrEnum):
    """How a pod fares in view of one pattern."""

    FAILS = "fails"
    UNPROVEN = "unproven"
    WELL = "well"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One pod fails.

    Attributes:
        since: When it began to, as the pod's status tells.
        at: The newest instant that says so.
        detail: What was seen: reasons and counts.
    """

    pattern: FailurePattern
    pod: str
    uid: str
    since: datetime
    at: datetime
    detail: str


def find(pod: PodSeen, now: datetime, patience: Patience) -> Finding | None:
    """Return how a pod fails, its nearest cause first; None for one that does not, has ended or is going."""
    if pod.going_at is not None or pod.phase in ("Succeeded", "Failed"):
        return None
    for look in (_image, _killed, _crashing):
        for container in pod.containers:
            found = look(pod, container, now)
            if found is not None:
                return found
    return _unready(pod, now, patience)


def condition(pod: PodSeen, now: datetime, patience: Patience) -> Condition:
    """Return how a pod fares, whatever the pattern."""
    if find(pod, now, patience) is not None:
        return Condition.FAILS
    well_at = well_since(pod, patience)
    return Condition.WELL if well_at is not None and well_at <= now else Condition.UNPROVEN


def well_since(pod: PodSeen, patience: Patience) -> datetime | None:
    """Return from when on a pod is well, if it goes on as it does; None while it is not ready."""
    if not pod.is_ready or pod.ready_changed_at is None:
        return None
    proofs = [_proven_at(pod, one) for one in pod.containers if one.running_since is not None]
    return max([pod.ready_changed_at + patience.calm, *proofs])


def proof(container: ContainerSeen) -> timedelta:
    """Return how long a container must run before its last end is history; none where it never ended."""
    before = container.before
    if before is None or container.running_since is None:
        return timedelta(0)
    back_off = container.running_since - before.at
    last_run = before.at - before.started_at if before.started_at is not None else timedelta(0)
    return min(max(SHORTEST_PROOF, 2 * back_off, 2 * last_run), LONGEST_PROOF)


def _proven_at(pod: PodSeen, container: ContainerSeen) -> datetime:
    """Return when a running container has proven itself, by its run or, sooner, by its probe."""
    if container.running_since is None:
        raise ValueError(f"container {container.name} of {pod.name} does not run")
    proven_at = container.running_since + proof(container)
    if not (pod.has_probe and pod.is_ready and pod.ready_changed_at and container.before):
        return proven_at
    started_at = container.before.started_at or container.before.at
    # A probe that has said ready for twice as long as the last run lasted knows more than a mere run.
    answered_for = max(2 * SHORTEST_PROOF, 2 * (container.before.at - started_at))
    return min(proven_at, max(pod.ready_changed_at, container.running_since) + answered_for)


def _image(pod: PodSeen, container: ContainerSeen, _: datetime) -> Finding | None:
    if container.waiting not in IMAGE_REASONS:
        return None
    # The reason changes between two attempts; the pod was unready from its first one on.
    since = pod.ready_changed_at or pod.created_at
    detail = f"the image of container {container.name} cannot be had: {container.waiting}"
    return _finding(FailurePattern.IMAGE_PULL, pod, since, since, detail)


def _killed(pod: PodSeen, container: ContainerSeen, now: datetime) -> Finding | None:
    ended = container.ended or container.before
    if ended is None or ended.reason != _OOM or _is_proven(pod, container, now):
        return None
    detail = f"container {container.name} was killed for its memory, {_restarts(container)}"
    return _finding(FailurePattern.OOM_KILLED, pod, _first_end(container), ended.at, detail)


def _crashing(pod: PodSeen, container: ContainerSeen, now: datetime) -> Finding | None:
    ended = container.ended or container.before
    if ended is None or _is_proven(pod, container, now):
        return None
    is_looping = container.waiting == _BACK_OFF or (container.ended is not None and container.restarts > 0)
    if not is_looping and container.restarts < RISING:
        return None
    if container.is_init and ended.exit_code == 0:
        # It has done its work, at whatever attempt.
        return None
    detail = f"container {container.name} ends with exit code {ended.exit_code}, {_restarts(container)}"
    return _finding(FailurePattern.CRASH_LOOP, pod, _first_end(container), ended.at, detail)


def _unready(pod: PodSeen, now: datetime, patience: Patience) -> Finding | None:
    if pod.phase != "Running" or pod.is_ready or pod.ready_changed_at is None:
        return None
    started = [one.running_since for one in pod.containers if one.running_since is not None]
    if not started or any(one.waiting for one in pod.containers):
        return None
    since = max(pod.ready_changed_at, *started)
    if now - since < patience.not_ready:
        return None
    detail = "its containers run and are not ready"
    return _finding(FailurePattern.NOT_READY, pod, since, since + patience.not_ready, detail)


def _finding(pattern: FailurePattern, pod: PodSeen, since: datetime, at: datetime, detail: str) -> Finding:
    return Finding(pattern=pattern, pod=pod.name, uid=pod.uid, since=since, at=max(since, at), detail=detail)


def _is_proven(pod: PodSeen, container: ContainerSeen, now: datetime) -> bool:
    return container.running_since is not None and _proven_at(pod, container) <= now


def _first_end(container: ContainerSeen) -> datetime:
    """Return the earliest end that the status still tells of."""
    ends: list[Ended] = [one for one in (container.before, container.ended) if one is not None]
    return min(one.at for one in ends)


def _restarts(container: ContainerSeen) -> str:
    return f"{container.restarts} restart{'' if container.restarts == 1 else 's'}"
