"""Undo and promotion of local processes: the target for a machine without a cluster."""

from dataclasses import replace
from pathlib import Path
from typing import assert_never

import psutil

from actions.actuator import Progress
from actions.errors import PermanentActionError, RefusedActionError
from actions.process_files import Desired, Observed, Workload
from schemas.errors import SchemaError
from schemas.keys import NO_TEMPLATE, TemplateHash
from schemas.orders import Command, CommandKind


class Processes:
    """Changes workloads of local processes that `actions.supervisor` runs.

    A change is one rename of `desired.json` under its lock: killed before it, nothing happened; after
    it, the supervisor goes on by itself, and the command that comes again finds it done.

    Args:
        root: Folder of the workloads.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def read_back(self, command: Command) -> Progress:
        """Return how far the workload is from what the command asks for."""
        workload = self._workload(command)
        desired = self._desired(workload)
        newest = desired.canary or desired.stable
        if not _is_set(desired, command):
            return Progress(is_set=False, is_done=False, template=newest, detail=_told(desired))
        missing = _missing(desired, workload.observed(), command.template)
        return Progress(
            is_set=True,
            is_done=missing == "",
            template=newest,
            detail=missing or f"{command.target.key} runs template {command.template}",
        )

    def carry_out(self, command: Command) -> str:
        """Do what the command asks for; of a cluster's verbs only those by template have a meaning here."""
        workload = self._workload(command)
        with workload.change() as change:
            text, wanted = self._decided(command, workload)
            if wanted is not None:
                change.write(wanted)
        return text

    def rehearse(self, command: Command) -> str:
        """Do all of it but the writing; return what would be changed, as a sentence."""
        return self._decided(command, self._workload(command))[0]

    def _decided(self, command: Command, workload: Workload) -> tuple[str, Desired | None]:
        """Return what is changed, as a sentence, and what to write; None for nothing."""
        match command.kind:
            case CommandKind.UNDO:
                return self._undo(command, workload)
            case CommandKind.PROMOTE:
                return self._promote(command, workload)
            case (
                CommandKind.RESTART
                | CommandKind.SCALE
                | CommandKind.PAUSE
                | CommandKind.RESUME
                | CommandKind.DELETE_POD
                | CommandKind.RUN_JOB
                | CommandKind.SET_CONFIG
                | CommandKind.ABORT
                | CommandKind.RETRY
                | CommandKind.PROMOTE_STEP
                | CommandKind.RESUME_SYNC
                | CommandKind.RUN_ANSIBLE
                | CommandKind.RUN_SCRIPT
                | CommandKind.CALL_HTTP
                | CommandKind.RUN_PIPELINE
            ):
                raise RefusedActionError(
                    f"{command.kind} of {command.target.key}: local processes know undo and promote alone"
                )
            case _:
                assert_never(command.kind)

    def _undo(self, command: Command, workload: Workload) -> tuple[str, Desired | None]:
        """Run the template everywhere and end the canary."""
        desired = self._desired(workload)
        if _is_set(desired, command):
            return f"{command.target.key} is set to template {command.template} already", None
        newest = desired.canary or desired.stable
        if command.expected_template and newest != command.expected_template:
            raise RefusedActionError(
                f"{command.target.key} runs template {newest} by now, the command undoes "
                f"{command.expected_template}"
            )
        self._require(workload, command.template)
        text = f"{command.target.key}: template {newest} -> {command.template}"
        return text, _all_on(desired, command.template, command.id)

    def _promote(self, command: Command, workload: Workload) -> tuple[str, Desired | None]:
        """Make the canary's template the stable one, everywhere."""
        desired = self._desired(workload)
        if _is_set(desired, command):
            return f"{command.target.key} is set to template {command.template} already", None
        if desired.canary != command.template:
            raise RefusedActionError(
                f"{command.target.key} has {desired.canary or 'no template'} on trial, the command "
                f"promotes {command.template}"
            )
        self._require(workload, command.template)
        text = (
            f"{command.target.key}: template {command.template} promoted from {desired.canary_replicas} to "
            f"{desired.replicas} instances"
        )
        return text, _all_on(desired, command.template, command.id)

    def _workload(self, command: Command) -> Workload:
        try:
            return Workload(self._root, command.target.namespace, command.target.workload)
        except ValueError as error:
            raise PermanentActionError(str(error)) from error

    def _desired(self, workload: Workload) -> Desired:
        where = f"{workload.namespace}/{workload.name}"
        try:
            desired = workload.desired()
        except (SchemaError, OSError) as error:
            raise PermanentActionError(f"desired.json of {where} cannot be read: {error}") from error
        if desired is None:
            raise PermanentActionError(f"{where} was never deployed under {self._root}")
        return desired

    def _require(self, workload: Workload, template: TemplateHash) -> None:
        if workload.template(template) is None:
            raise PermanentActionError(f"{workload.namespace}/{workload.name} has no template {template}")


def _is_set(desired: Desired, command: Command) -> bool:
    if desired.stable != command.template:
        return False
    # A canary beside a promoted template is a newer release: not this command's to end.
    return command.kind is CommandKind.PROMOTE or not desired.canary


def _all_on(desired: Desired, template: TemplateHash, by: str) -> Desired:
    return replace(
        desired,
        generation=desired.generation + 1,
        stable=template,
        canary=NO_TEMPLATE,
        canary_replicas=0,
        changed_by=by,
    )


def _missing(desired: Desired, observed: Observed | None, template: TemplateHash) -> str:
    """Return what the processes lack, "" when they are as they should be."""
    if observed is None or not psutil.pid_exists(observed.supervisor_pid):
        return "no supervisor is running"
    if observed.problem:
        return observed.problem
    if observed.generation < desired.generation:
        return "the supervisor has not seen the change yet"
    wanted = desired.counts()
    ready = sum(one.template == template and one.ready for one in observed.instances)
    if ready < wanted[template]:
        return f"{ready} of {wanted[template]} instances of template {template} are ready"
    left = sum(one.template not in wanted for one in observed.instances)
    if left:
        return f"{left} instances of other templates still run"
    return ""


def _told(desired: Desired) -> str:
    trial = f", {desired.canary} on trial in {desired.canary_replicas}" if desired.canary else ""
    return f"template {desired.stable} is stable in {desired.replicas} instances{trial}"
