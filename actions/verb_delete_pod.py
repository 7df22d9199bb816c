"""Deletion of a crashed pod, so that its controller makes another."""

from datetime import datetime, timedelta

from actions.actuator import Progress
from actions.errors import PermanentActionError, RefusedActionError
from actions.kubernetes_api import KubernetesApi, NotFoundError
from actions.kubernetes_objects import Json, as_read, version_of
from actions.kubernetes_resources import PODS, WORKLOADS, Rule, reading
from actions.kubernetes_verb import what, where, write_as_read
from actions.workloads import Workload, read_workload, require_expected
from schemas.orders import Command
from schemas.releases import TargetKind
from schemas.verbs import PodDeletion

_CRASHED = ("CrashLoopBackOff", "RunContainerError", "CreateContainerError")
"""What a crashed container waits for. An image that cannot be pulled is none: a new pod lacks it, too."""

UNPROVEN = timedelta(minutes=10)
"""A container that is ready again may crash again: the kubelet forgets a back-off after so long, too."""


class DeletePod:
    """Deletes one pod of a workload, if its own container statuses show that it crashed.

    Never another: uid and resourceVersion of the pod that was looked at are preconditions of the
    deletion. Never one that nobody would replace.

    Args:
        api: The cluster.
    """

    kinds: tuple[TargetKind, ...] = tuple(WORKLOADS)

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    @staticmethod
    def rights(kind: TargetKind) -> tuple[Rule, ...]:
        """Return the rights that it needs."""
        return (*reading(kind), Rule(resource=PODS, verbs=("list", "delete")))

    def read_back(self, command: Command) -> Progress:
        """Return whether the pod is gone."""
        workload = read_workload(self._api, what(command), command.target)
        pod, wanted = self._pod(command, workload), _wanted(command)
        if pod is None:
            detail = f"pod {wanted.pod} of uid {wanted.uid} is gone"
            return Progress(is_set=True, is_done=True, template=workload.template, detail=detail)
        is_ending = "deletionTimestamp" in pod["metadata"]
        detail = f"pod {wanted.pod} is {'on its way out' if is_ending else 'there'}"
        return Progress(is_set=is_ending, is_done=False, template=workload.template, detail=detail)

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Delete the pod."""
        name, wanted = what(command), _wanted(command)
        workload = read_workload(self._api, name, command.target)
        require_expected(command, workload)

        def decide(pod: Json | None) -> tuple[str, Json | None]:
            if pod is None or "deletionTimestamp" in pod["metadata"]:
                return f"pod {wanted.pod} of uid {wanted.uid} is gone already", None
            if not _is_controlled(pod, workload):
                raise RefusedActionError(
                    f"{name}: pod {wanted.pod} is not controlled by it, so nobody would make another"
                )
            crash = crash_of(pod, command.issued_at)
            if not crash:
                raise RefusedActionError(f"{name}: pod {wanted.pod} has not crashed, {_states(pod)}")
            return f"{where(command.target)}: pod {wanted.pod} deleted, {crash}", pod

        def delete(pod: Json) -> None:
            namespace, preconditions = command.target.namespace, as_read(pod)
            try:
                self._api.delete(name, PODS, namespace, wanted.pod, preconditions, is_rehearsal=is_rehearsal)
            except NotFoundError:
                return

        return write_as_read(
            name,
            lambda: self._pod(command, workload),
            lambda pod: version_of(pod) if pod else "",
            decide,
            delete,
        )

    def _pod(self, command: Command, workload: Workload) -> Json | None:
        """Return the pod, if it is still the one of that uid."""
        wanted = _wanted(command)
        found = self._api.listed(
            what(command),
            PODS,
            command.target.namespace,
            workload.selector,
            f"metadata.name={wanted.pod}",
        )
        return next((pod for pod in found if pod["metadata"]["uid"] == wanted.uid), None)


def crash_of(pod: Json, ordered_at: datetime | None = None) -> str:
    """Return how a pod's containers crashed, "" when none has.

    A container that crashes again and again is ready for a while between two crashes. One that crashed before
    and is ready has recovered only when it had run for `UNPROVEN` by the time of the order, if one is given.

    >>> crash_of({"status": {"containerStatuses": [{"name": "c", "ready": False, "state": {"waiting":
    ...     {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 137, "reason":
    ...     "OOMKilled"}}}]}})
    'container c: CrashLoopBackOff, exit code 137 (OOMKilled)'
    """
    for status in _statuses(pod):
        state, last = status.get("state") or {}, status.get("lastState") or {}
        if status.get("ready") and not _is_unproven(state, ordered_at):
            continue
        waits_for = (state.get("waiting") or {}).get("reason", "")
        ended = state.get("terminated") or last.get("terminated") or {}
        has_failed = bool(ended) and ended.get("exitCode") != 0
        if waits_for not in _CRASHED and not has_failed:
            continue
        code = f"exit code {ended['exitCode']} ({ended.get('reason', 'Error')})" if ended else ""
        return f"container {status['name']}: {', '.join(filter(None, (waits_for, code)))}"
    return ""


def _is_unproven(state: Json, ordered_at: datetime | None) -> bool:
    started_at = (state.get("running") or {}).get("startedAt")
    if not started_at or ordered_at is None:
        return False
    return ordered_at - datetime.fromisoformat(started_at) < UNPROVEN


def _statuses(pod: Json) -> list[Json]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _states(pod: Json) -> str:
    told = [f"{one['name']} is {' '.join(one.get('state') or {}) or 'unknown'}" for one in _statuses(pod)]
    return "its containers: " + (", ".join(told) or "no status yet")


def _is_controlled(pod: Json, workload: Workload) -> bool:
    """Return whether the workload, or one of its ReplicaSets, controls the pod."""
    masters = [workload.body]
    if workload.kind is TargetKind.DEPLOYMENT:
        masters = workload.kept
    uids = [one["metadata"].get("uid") for one in masters]
    owners = pod["metadata"].get("ownerReferences") or []
    return any(one.get("controller") and one.get("uid") in uids for one in owners)


def _wanted(command: Command) -> PodDeletion:
    if command.pod is None:
        raise PermanentActionError(f"{what(command)}: no pod is named")
    return command.pod
