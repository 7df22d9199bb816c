"""From a playbook's step to a command with an absolute target. Pure."""

import math
from dataclasses import replace
from datetime import datetime, timedelta

from schemas.failures import FailingPod, Failure
from schemas.keys import (
    NO_TEMPLATE,
    CommandId,
    DecisionId,
    ReleaseId,
    SignalName,
    derived_id,
)
from schemas.orders import RUNBOOKS, Command, CommandKind
from schemas.playbooks import PlaybookStep
from schemas.releases import Target, TargetKind
from schemas.verbs import Awaited, ConfigChange, PodDeletion, RemedyStep, RunbookCall, Scaling

LARGEST_SCALE = 100
"""Replicas that a step may ask for when it names no maximum."""


def order_for(
    step: PlaybookStep,
    remedy: RemedyStep,
    failure: Failure,
    decision: DecisionId,
    now: datetime,
    life: timedelta,
    *,
    ordinal: int,
    pod: FailingPod | None = None,
) -> Command:
    """Return the command that a step is, for a failure.

    Args:
        step: The step.
        remedy: Its place.
        failure: What it is done about.
        decision: What led here.
        now: The log's time.
        life: How long the command may wait.
        ordinal: Which command of the run it is, from 1: its id hangs on failure, playbook and ordinal.
        pod: For a deletion.

    Raises:
        ValueError: the failure does not hold what the step needs, or a parameter is not what it must be.
    """
    parameters = {name: _filled(text, failure, pod) for name, text in step.parameters.items()}
    target = _target(step.does, parameters, failure.target)
    has_template = target == failure.target and step.does is not CommandKind.RUN_JOB
    return Command(
        id=CommandId(derived_id("command", failure.id, remedy.playbook, str(ordinal))),
        kind=step.does,
        decision=decision,
        release=ReleaseId(failure.id),
        environment=failure.environment,
        service=failure.service,
        target=target,
        template=NO_TEMPLATE,
        # Who is scaled or restarted may have a newer template by now: then the failure is not of it.
        expected_template=failure.template if has_template else NO_TEMPLATE,
        issued_at=now,
        expires_at=now + life,
        timeout_s=math.ceil(step.timeout.total_seconds()),
        scaling=_scaling(parameters, failure) if step.does is CommandKind.SCALE else None,
        pod=_deletion(pod) if step.does is CommandKind.DELETE_POD else None,
        config=_change(parameters, failure.target) if step.does is CommandKind.SET_CONFIG else None,
        runbook=_call(parameters) if step.does in RUNBOOKS else None,
        remedy=remedy,
        awaited=awaited_of(step, failure.since),
    )


def release_order(undo: Command, step: PlaybookStep, remedy: RemedyStep, command_id: CommandId) -> Command:
    """Return the command that a step is, for a release.

    Args:
        undo: The undo of that release: whatever the step does, what runs afterwards is its template.
        step: The step.
        remedy: Its place.
        command_id: Its id.
    """
    return replace(
        undo,
        id=command_id,
        kind=step.does,
        timeout_s=math.ceil(step.timeout.total_seconds()),
        remedy=remedy,
        # How long an undo may take to help is the policy's to say.
        awaited=None if step.does is CommandKind.UNDO else awaited_of(step),
    )


def awaited_of(step: PlaybookStep, since: datetime | None = None) -> Awaited | None:
    """Return what the service must show after a step; None when the step asks for no signal.

    Args:
        step: The step.
        since: When the damage began; None where the service's state knows.
    """
    if not step.check.signals:
        return None
    names = () if "*" in step.check.signals else step.check.signals
    return Awaited(
        signals=tuple(SignalName(name) for name in names),
        within_s=math.ceil(step.check.within.total_seconds()),
        since=since,
    )


def _filled(text: str, failure: Failure, pod: FailingPod | None) -> str:
    values = {
        "service": failure.service,
        "environment": failure.environment,
        "workload": failure.target.workload,
        "namespace": failure.target.namespace,
        "failure": failure.id,
        "version": failure.version,
        "pod": pod.name if pod else "",
    }
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def _target(kind: CommandKind, parameters: dict[str, str], failing: Target) -> Target:
    if kind is CommandKind.SET_CONFIG:
        return replace(failing, kind=TargetKind.CONFIG_MAP, workload=parameters["config_map"])
    if kind is CommandKind.RUN_JOB and failing.kind is not TargetKind.CRON_JOB:
        if not parameters.get("cronjob"):
            raise ValueError(f"{failing.key} is a {failing.kind}, and the step names no cronjob")
        return replace(failing, kind=TargetKind.CRON_JOB, workload=parameters["cronjob"])
    return failing


def _scaling(parameters: dict[str, str], failure: Failure) -> Scaling:
    minimum = int(parameters.get("minimum") or 0)
    maximum = int(parameters.get("maximum") or LARGEST_SCALE)
    more = max(
        math.ceil(failure.replicas * float(parameters.get("factor") or 1.0)),
        failure.replicas + int(parameters.get("by") or 0),
    )
    replicas = min(max(more, minimum), maximum)
    if replicas <= failure.replicas:
        raise ValueError(
            f"{failure.target.key} has {failure.replicas} replicas already, at most {maximum} are allowed"
        )
    return Scaling(replicas=replicas, minimum=minimum, maximum=maximum)


def _deletion(pod: FailingPod | None) -> PodDeletion:
    if pod is None:
        raise ValueError("no failing pod is known by name")
    return PodDeletion(pod=pod.name, uid=pod.uid)


def _change(parameters: dict[str, str], failing: Target) -> ConfigChange:
    is_restarted = parameters.get("restart", "") == "true"
    return ConfigChange(
        key=parameters["key"], value=parameters["value"], restart=failing if is_restarted else None
    )


def _call(parameters: dict[str, str]) -> RunbookCall:
    return RunbookCall(
        name=parameters["runbook"],
        arguments={name: value for name, value in parameters.items() if name != "runbook"},
    )
