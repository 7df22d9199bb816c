"""Every verb with an object of its own to act on: brought before the verb, ordered, and looked at after.

Few of the objects have pods: a template, a pause or a key of a ConfigMap can change without, and what
controllers make of it is done at once. Where the verb is about pods, they are real.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from actions.errors import TransientActionError
from actions.kubernetes_api import KubernetesApi, PatchForm
from actions.kubernetes_resources import (
    CONFIG_MAPS,
    CRON_JOBS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    WORKLOADS,
    Resource,
)
from actions.verb_delete_pod import crash_of
from actions.verb_restart import RESTARTED_AT
from actions.verb_run_job import job_name
from actions.workloads import read_workload
from infra.dev import shop_images
from schemas.keys import (
    NO_TEMPLATE,
    CommandId,
    DecisionId,
    EnvironmentName,
    ReleaseId,
    ServiceName,
    TemplateHash,
)
from schemas.orders import Command, CommandKind
from schemas.releases import Target, TargetKind
from schemas.verbs import ConfigChange, PodDeletion, Scaling

T = TypeVar("T")
Json = dict[str, Any]
LABELS = {"app": "web"}
NAMES = {kind: WORKLOADS[kind][0].kind for kind in WORKLOADS}


class Stand:
    """A namespace with objects that are all called `web`, looked at and changed past the executor."""

    def __init__(self, api: KubernetesApi, namespace: str) -> None:
        self.api, self.namespace = api, namespace
        self._ordered = 0

    def read(self, resource: Resource, name: str = "web") -> Json:
        return self.again(lambda: self.api.read("look", resource, self.namespace, name))

    def listed(self, resource: Resource, labels: str = "") -> list[Json]:
        return self.again(lambda: self.api.listed("look", resource, self.namespace, labels))

    def patch(
        self,
        resource: Resource,
        body: Json,
        form: PatchForm = PatchForm.MERGE,
        *,
        name: str = "web",
        subresource: str = "",
    ) -> Json:
        return self.again(
            lambda: self.api.patch(
                "prepare", resource, self.namespace, name, body, form, subresource=subresource
            )
        )

    def again(self, act: Callable[[], T]) -> T:
        """Return what an act returns; the server may be on its way up."""

        def attempt() -> tuple[T] | None:
            try:
                return (act(),)
            except TransientActionError:
                return None

        return self.until(attempt)[0]

    def until(self, look: Callable[[], T | None]) -> T:
        """Return what is found; waits on an event that never comes, so that it is bounded."""
        never = threading.Event()
        for _ in range(600):
            if found := look():
                return found
            never.wait(0.1)
        raise AssertionError(f"not within 60 s in {self.namespace}")

    def order(self, kind: CommandKind, target: TargetKind, **more: Any) -> Command:
        now = datetime.now(UTC)  # noqa: TID251  # a real cluster lives in real time
        self._ordered += 1
        return Command(
            **{
                "id": CommandId(f"{self.namespace}-{self._ordered}"),
                "kind": kind,
                "decision": DecisionId("d1"),
                "release": ReleaseId("r1"),
                "environment": EnvironmentName("prod"),
                "service": ServiceName("web"),
                "target": self.target(target),
                "template": NO_TEMPLATE,
                "expected_template": NO_TEMPLATE,
                "issued_at": now,
                "expires_at": now + timedelta(minutes=5),
                "timeout_s": 90,
                **more,
            }
        )

    def target(self, kind: TargetKind) -> Target:
        return Target(kind=kind, cluster="default", namespace=self.namespace, workload="web")

    def template(self, kind: TargetKind) -> TemplateHash:
        """Return the name of the template that a workload asks for, once its controller has named it."""
        return self.until(
            lambda: self.again(lambda: (read_workload(self.api, "look", self.target(kind)).template,))[0]
        )

    def is_settled(self, kind: TargetKind) -> bool:
        """Return whether the workload's rollout is complete."""
        return self.again(lambda: read_workload(self.api, "look", self.target(kind)).lacking() == "")


def template(version: str = "1", image: str = shop_images.PAUSE, fault: str = "none") -> Json:
    """Return a pod template; another version is another template."""
    env = {"VERSION": version, "FAULT": fault, "CRASH_AFTER_S": "0"}
    container = {
        "name": "web",
        "image": image,
        "imagePullPolicy": "Never",
        "env": [{"name": name, "value": value} for name, value in env.items()],
    }
    return {
        "metadata": {"labels": LABELS},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }


@dataclass(frozen=True, kw_only=True)
class Row:
    """One verb on one kind of object.

    Attributes:
        name: In words.
        command: What is ordered.
        manifests: The objects that it needs, without their namespace.
        before: Brings the object before the verb and returns the order.
        is_reached: Whether the object is as the order says.
        contested: What somebody else writes to in between,
        contested_name: and its name.
        writes: Requests that the server accepts for one order.
        nth: At which of them a fault strikes.
        counted: Whose generation tells how often it was changed; None where it has none of its own.
        is_fenced: The write is refused after somebody else's; a Job's creation is not.
    """

    name: str
    command: CommandKind
    manifests: tuple[Json, ...]
    before: Callable[[Stand], Command]
    is_reached: Callable[[Stand, Command], bool]
    contested: Resource
    contested_name: str = "web"
    writes: int = 1
    nth: int = 1
    counted: Resource | None = None
    is_fenced: bool = True


def workload(kind: TargetKind, *, replicas: int = 0, **told: str) -> Json:
    """Return a workload, by default without pods."""
    pods = template(**told)
    spec: Json = {"selector": {"matchLabels": LABELS}, "template": pods}
    if kind is TargetKind.DAEMON_SET:
        # No node has this label.
        pods["spec"]["nodeSelector"] = {"suture.dev/nowhere": "yes"}
    else:
        spec["replicas"] = replicas
    if kind is TargetKind.STATEFUL_SET:
        spec["serviceName"] = "web"
    return {"apiVersion": "apps/v1", "kind": NAMES[kind], "metadata": {"name": "web"}, "spec": spec}


def _version(thing: Json) -> str:
    env = thing["spec"]["template"]["spec"]["containers"][0]["env"]
    return str(next(one["value"] for one in env if one["name"] == "VERSION"))


def _stamp(thing: Json) -> str:
    annotations = thing["spec"]["template"]["metadata"].get("annotations") or {}
    return str(annotations.get(RESTARTED_AT, ""))


def _is_restarted(stand: Stand, resource: Resource, command: Command) -> bool:
    return _stamp(stand.read(resource)) == command.issued_at.strftime("%Y-%m-%dT%H:%M:%SZ")


def undo_row(kind: TargetKind) -> Row:
    """Return the undo of a template."""
    resource = WORKLOADS[kind][0]
    first: dict[str, TemplateHash] = {}

    def before(stand: Stand) -> Command:
        good = first.get(stand.namespace) or first.setdefault(stand.namespace, stand.template(kind))
        stand.patch(resource, {"spec": {"template": template("2")}}, PatchForm.STRATEGIC)
        stand.until(lambda: stand.template(kind) != good and stand.is_settled(kind))
        bad = stand.template(kind)
        return stand.order(CommandKind.UNDO, kind, template=good, expected_template=bad)

    return Row(
        name=f"undo {kind}",
        command=CommandKind.UNDO,
        manifests=(workload(kind),),
        before=before,
        is_reached=lambda stand, _: _version(stand.read(resource)) == "1" and stand.is_settled(kind),
        contested=resource,
        counted=resource,
    )


def restart_row(kind: TargetKind) -> Row:
    """Return the restart of a workload."""
    resource = WORKLOADS[kind][0]

    def before(stand: Stand) -> Command:
        never = {"metadata": {"annotations": {RESTARTED_AT: None}}}
        stand.patch(resource, {"spec": {"template": never}}, PatchForm.STRATEGIC)
        stand.until(lambda: stand.is_settled(kind))
        return stand.order(CommandKind.RESTART, kind, expected_template=stand.template(kind))

    return Row(
        name=f"restart {kind}",
        command=CommandKind.RESTART,
        manifests=(workload(kind),),
        before=before,
        is_reached=lambda stand, command: _is_restarted(stand, resource, command) and stand.is_settled(kind),
        contested=resource,
        counted=resource,
    )


def scale_row(kind: TargetKind) -> Row:
    """Return the scaling from no pod to one."""
    resource = WORKLOADS[kind][0]

    def before(stand: Stand) -> Command:
        stand.patch(resource, {"spec": {"replicas": 0}})
        stand.until(lambda: not stand.listed(PODS) and stand.is_settled(kind))
        scaling = Scaling(replicas=1, minimum=0, maximum=2)
        running = stand.template(kind)
        return stand.order(CommandKind.SCALE, kind, scaling=scaling, expected_template=running)

    def is_reached(stand: Stand, _: Command) -> bool:
        found = stand.read(resource)
        return bool(found["spec"]["replicas"] == 1 and found["status"].get("readyReplicas") == 1)

    return Row(
        name=f"scale {kind}",
        command=CommandKind.SCALE,
        manifests=(workload(kind),),
        before=before,
        is_reached=is_reached,
        contested=resource,
        counted=resource,
    )


def pause_row(command: CommandKind) -> Row:
    """Return the pause, the resumption or the promotion of a Deployment."""
    kind, pausing = TargetKind.DEPLOYMENT, command is CommandKind.PAUSE

    def before(stand: Stand) -> Command:
        stand.patch(DEPLOYMENTS, {"spec": {"paused": None if pausing else True}})
        stand.until(lambda: stand.is_settled(kind))
        running = stand.template(kind)
        wanted = running if command is CommandKind.PROMOTE else NO_TEMPLATE
        return stand.order(command, kind, template=wanted, expected_template=running)

    return Row(
        name=f"{command} deployment",
        command=command,
        manifests=(workload(kind),),
        before=before,
        is_reached=lambda stand, _: bool(stand.read(DEPLOYMENTS)["spec"].get("paused")) is pausing,
        contested=DEPLOYMENTS,
        counted=DEPLOYMENTS,
    )


def deletion_row() -> Row:
    """Return the deletion of a pod that crashed; its StatefulSet makes another of the same name."""
    kind = TargetKind.STATEFUL_SET

    def before(stand: Stand) -> Command:
        def crashed() -> PodDeletion | None:
            for pod in stand.listed(PODS):
                if "deletionTimestamp" not in pod["metadata"] and crash_of(pod):
                    return PodDeletion(pod=pod["metadata"]["name"], uid=pod["metadata"]["uid"])
            return None

        return stand.order(CommandKind.DELETE_POD, kind, pod=stand.until(crashed))

    def is_reached(stand: Stand, command: Command) -> bool:
        uids = [pod["metadata"]["uid"] for pod in stand.listed(PODS)]
        return len(uids) == 1 and command.pod is not None and command.pod.uid not in uids

    return Row(
        name="delete pod",
        command=CommandKind.DELETE_POD,
        manifests=(workload(kind, replicas=1, image=shop_images.SHOP_V1, fault="crash"),),
        before=before,
        is_reached=is_reached,
        contested=PODS,
        contested_name="web-0",
    )


def job_row() -> Row:
    """Return one run of a Job with a real pod."""
    container = {
        "name": "task",
        "image": shop_images.SHOP_V1,
        "imagePullPolicy": "Never",
        "command": ["/shop", "load", "--rate=100", "--seconds=0.1", "--target=http://127.0.0.1:1/"],
    }
    pod = {"restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 0}
    spec = {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": {"template": {"spec": pod}}}}

    def is_reached(stand: Stand, command: Command) -> bool:
        made = [one for one in stand.listed(JOBS) if _is_of(one, command)]
        name = job_name(command.id, "web")
        pods = stand.listed(PODS, f"batch.kubernetes.io/job-name={name}")
        return [one["status"].get("succeeded") for one in made] == [1] and len(pods) == 1

    return Row(
        name="run job",
        command=CommandKind.RUN_JOB,
        manifests=({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "web"}, "spec": spec},),
        before=lambda stand: stand.order(CommandKind.RUN_JOB, TargetKind.CRON_JOB),
        is_reached=is_reached,
        contested=CRON_JOBS,
        is_fenced=False,
    )


def _is_of(job: Json, command: Command) -> bool:
    annotations = job["metadata"].get("annotations") or {}
    return bool(annotations.get("suture.dev/command") == command.id)


def config_row(nth: int) -> Row:
    """Return the change of a key and the restart of who reads it: two writes."""

    def before(stand: Stand) -> Command:
        stand.patch(CONFIG_MAPS, {"data": {"size": "1"}})
        never = {"metadata": {"annotations": {RESTARTED_AT: None}}}
        stand.patch(DEPLOYMENTS, {"spec": {"template": never}}, PatchForm.STRATEGIC)
        stand.until(lambda: stand.is_settled(TargetKind.DEPLOYMENT))
        change = ConfigChange(key="size", value="2", restart=stand.target(TargetKind.DEPLOYMENT))
        return stand.order(CommandKind.SET_CONFIG, TargetKind.CONFIG_MAP, config=change)

    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "web"},
        "data": {"size": "1", "other": "kept"},
    }
    return Row(
        name="set config, at the key" if nth == 1 else "set config, at the restart",
        command=CommandKind.SET_CONFIG,
        manifests=(config_map, workload(TargetKind.DEPLOYMENT)),
        before=before,
        is_reached=lambda stand, command: (
            stand.read(CONFIG_MAPS)["data"] == {"size": "2", "other": "kept"}
            and _is_restarted(stand, DEPLOYMENTS, command)
        ),
        contested=CONFIG_MAPS if nth == 1 else DEPLOYMENTS,
        counted=DEPLOYMENTS,
        writes=2,
        nth=nth,
    )


WORKLOAD_ROWS: tuple[Row, ...] = (
    undo_row(TargetKind.DEPLOYMENT),
    undo_row(TargetKind.STATEFUL_SET),
    undo_row(TargetKind.DAEMON_SET),
    restart_row(TargetKind.DEPLOYMENT),
    restart_row(TargetKind.STATEFUL_SET),
    restart_row(TargetKind.DAEMON_SET),
    scale_row(TargetKind.DEPLOYMENT),
    scale_row(TargetKind.STATEFUL_SET),
    pause_row(CommandKind.PAUSE),
    pause_row(CommandKind.RESUME),
    pause_row(CommandKind.PROMOTE),
    deletion_row(),
    job_row(),
    config_row(1),
    config_row(2),
)
