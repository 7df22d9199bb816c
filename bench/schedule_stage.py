"""What schedules are played on: a Deployment, a ConfigMap and a CronJob of one name, without a single pod."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from actions.errors import TransientActionError
from actions.kubernetes_api import KubernetesApi, NotFoundError, PatchForm
from actions.kubernetes_resources import CONFIG_MAPS, CRON_JOBS, DEPLOYMENTS, JOBS, Resource
from actions.verb_restart import RESTARTED_AT
from actions.verb_run_job import job_name
from actions.workloads import read_workload
from bench.schedule_executors import CLUSTER
from bench.schedule_plan import Blow, Order
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
from schemas.verbs import ConfigChange

Json = dict[str, Any]
_IMAGE = "localhost/none:1"
_LONGEST_S = 30.0
_PAUSE_S = 0.02

KINDS: dict[Order, tuple[CommandKind, TargetKind]] = {
    Order.UNDO: (CommandKind.UNDO, TargetKind.DEPLOYMENT),
    Order.UNDO_EXPECTING: (CommandKind.UNDO, TargetKind.DEPLOYMENT),
    Order.RESTART: (CommandKind.RESTART, TargetKind.DEPLOYMENT),
    Order.PAUSE: (CommandKind.PAUSE, TargetKind.DEPLOYMENT),
    Order.RESUME: (CommandKind.RESUME, TargetKind.DEPLOYMENT),
    Order.SET_CONFIG: (CommandKind.SET_CONFIG, TargetKind.CONFIG_MAP),
    Order.SET_AND_RESTART: (CommandKind.SET_CONFIG, TargetKind.CONFIG_MAP),
    Order.RUN_JOB: (CommandKind.RUN_JOB, TargetKind.CRON_JOB),
}


@dataclass(frozen=True, slots=True)
class State:
    """Everything that orders and rivals change.

    Attributes:
        version: Of the Deployment's template.
        stamp: When it was restarted last; "" for never.
        is_paused: Whether its rollouts are paused.
        value: What the ConfigMap's key holds.
    """

    version: str = "2"
    stamp: str = ""
    is_paused: bool = False
    value: str = "0"


@dataclass
class Stage:
    """The objects of one schedule.

    Args:
        api: The cluster.
        namespace: Where they are.
        name: What all of them are called.
    """

    api: KubernetesApi
    namespace: str
    name: str
    _rivals: int = 0
    _good: TemplateHash = NO_TEMPLATE
    _bad: TemplateHash = NO_TEMPLATE
    generation: int = field(default=0, init=False)

    def prepare(self) -> None:
        """Make the objects; the Deployment's first version is kept, and its second one runs."""
        make = self.api.create
        labels = {"app": self.name}
        deployment = {
            "metadata": {"name": self.name},
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": self._template("1")},
        }
        make("prepare", DEPLOYMENTS, self.namespace, deployment)
        make("prepare", CONFIG_MAPS, self.namespace, {"metadata": {"name": self.name}, "data": {"key": "0"}})
        # Of a Job that needs no completion the controller makes no pod.
        pod = {**self._template("1")["spec"], "restartPolicy": "Never"}
        job = {"completions": 0, "template": {"spec": pod}}
        cron_job = {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": job}}
        make("prepare", CRON_JOBS, self.namespace, {"metadata": {"name": self.name}, "spec": cron_job})
        self._good = self._named(NO_TEMPLATE)
        self._patch(DEPLOYMENTS, {"spec": {"template": self._template("2")}})
        self._bad = self._named(self._good)
        self.generation = self._read(DEPLOYMENTS)["metadata"]["generation"]

    def clear(self) -> None:
        """Delete the objects."""
        for resource in (DEPLOYMENTS, CONFIG_MAPS, CRON_JOBS):
            found = self._read(resource)
            self.api.delete("clear", resource, self.namespace, self.name, {"uid": found["metadata"]["uid"]})

    def command(self, order: Order, number: int) -> Command:
        """Return a command; each is issued a second after the one before."""
        now = datetime.now(UTC)  # noqa: TID251  # a real cluster lives in real time
        kind, target = KINDS[order]
        command = Command(
            id=CommandId(f"{self.name}-{number}"),
            kind=kind,
            decision=DecisionId("d"),
            release=ReleaseId("r"),
            environment=EnvironmentName("prod"),
            service=ServiceName(self.name),
            target=self._target(target),
            template=self._good if kind is CommandKind.UNDO else NO_TEMPLATE,
            expected_template=self._bad if order is Order.UNDO_EXPECTING else NO_TEMPLATE,
            issued_at=now + timedelta(seconds=number),
            expires_at=now + timedelta(minutes=5),
            timeout_s=60,
            config=ConfigChange(key="key", value=f"ordered {number}")
            if kind is CommandKind.SET_CONFIG
            else None,
        )
        if order is Order.SET_AND_RESTART and command.config is not None:
            restart = self._target(TargetKind.DEPLOYMENT)
            return replace(command, config=replace(command.config, restart=restart))
        return command

    def strike(self, blow: Blow, state: State) -> State:
        """Write as a rival, and return the state after it; the server's own fields are left to it."""
        self._rivals += 1
        match blow:
            case Blow.LABELS:
                body = {"metadata": {"labels": {"rival": f"was-here-{self._rivals}"}}}
                for resource in (DEPLOYMENTS, CONFIG_MAPS):
                    self._patch(resource, body)
                return state
            case Blow.DEPLOYS:
                version = f"rival-{self._rivals}"
                self._patch(DEPLOYMENTS, {"spec": {"template": self._template(version)}})
                return replace(state, version=version)
            case Blow.PAUSES:
                self._patch(DEPLOYMENTS, {"spec": {"paused": None if state.is_paused else True}})
                return replace(state, is_paused=not state.is_paused)
            case Blow.SETS:
                value = f"rival {self._rivals}"
                self._patch(CONFIG_MAPS, {"data": {"key": value}})
                return replace(state, value=value)
            case _:
                return state

    def seen(self) -> State:
        """Return the state as the server has it."""
        deployment = self._read(DEPLOYMENTS)
        template = deployment["spec"]["template"]
        (container,) = template["spec"]["containers"]
        return State(
            version=container["env"][0]["value"],
            stamp=(template["metadata"].get("annotations") or {}).get(RESTARTED_AT, ""),
            is_paused=bool(deployment["spec"].get("paused")),
            value=self._read(CONFIG_MAPS)["data"]["key"],
        )

    def changes(self) -> int:
        """Return how often the Deployment's specification was changed since it was prepared."""
        return int(self._read(DEPLOYMENTS)["metadata"]["generation"]) - self.generation

    def has_job(self, command: Command) -> bool:
        """Return whether the command's Job is there."""
        try:
            self.api.read("look", JOBS, self.namespace, job_name(command.id, self.name))
        except NotFoundError:
            return False
        return True

    def _target(self, kind: TargetKind) -> Target:
        return Target(kind=kind, cluster=CLUSTER, namespace=self.namespace, workload=self.name)

    def _template(self, version: str) -> Json:
        env = [{"name": "VERSION", "value": version}]
        container = {"name": "main", "image": _IMAGE, "imagePullPolicy": "Never", "env": env}
        return {"metadata": {"labels": {"app": self.name}}, "spec": {"containers": [container]}}

    def _read(self, resource: Resource) -> Json:
        return self.api.read("look", resource, self.namespace, self.name)

    def _patch(self, resource: Resource, body: Json) -> None:
        form = PatchForm.STRATEGIC
        _again(lambda: self.api.patch("strike", resource, self.namespace, self.name, body, form))

    def _named(self, other: TemplateHash) -> TemplateHash:
        """Return the template that is asked for, once the controller has named it; not the other one."""
        target = self._target(TargetKind.DEPLOYMENT)
        deadline = time.monotonic() + _LONGEST_S
        while True:
            found = read_workload(self.api, "look", target)
            if found.template not in (NO_TEMPLATE, other) and not found.lacking():
                return found.template
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: the controller has named no template in {_LONGEST_S:.0f} s")
            time.sleep(_PAUSE_S)


def _again(write: Callable[[], object]) -> None:
    """Write, again while controllers write at the same time."""
    for _ in range(9):
        try:
            write()
        except TransientActionError:
            time.sleep(_PAUSE_S)
        else:
            return
    write()
