"""Undo and promotion of Kubernetes Deployments by template hash."""

from collections.abc import Callable
from typing import Any

from actions.actuator import Progress
from actions.deployment_undo import (
    hash_of,
    is_paused,
    missing,
    owned,
    resume_patch,
    rival,
    running_template,
    selector_text,
    undo_patch,
)
from actions.errors import PermanentActionError, RefusedActionError, TransientActionError
from actions.kubernetes_api import ConflictError, KubernetesApi
from schemas.keys import TemplateHash
from schemas.orders import Command, CommandKind

ATTEMPTS = 5
"""Tries in a row against somebody who writes at the same time, before a pause."""


class Deployments:
    """Changes Deployments of one cluster.

    Safe to repeat: the way back is named by the hash of its pod template, and the server checks that
    what is changed is what was read.

    Args:
        api: The cluster.
    """

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    def running(self, namespace: str, name: str) -> TemplateHash:
        """Return the hash of the template that a Deployment asks for; "" before the controller knows."""
        deployment, mine = self._read(f"look at {namespace}/{name}", namespace, name)
        return running_template(deployment, mine)

    def read_back(self, command: Command) -> Progress:
        """Return how far the Deployment is from what the command asks for."""
        what = _what(command)
        deployment, mine = self._read(what, command.target.namespace, command.target.workload)
        template = running_template(deployment, mine)
        if template != command.template:
            return Progress(
                is_set=False, is_done=False, template=template, detail=f"template {template} is asked for"
            )
        if is_paused(deployment):
            if command.kind is CommandKind.PROMOTE:
                return Progress(is_set=False, is_done=False, template=template, detail="it is paused")
            raise RefusedActionError(f"{what}: it is paused, resume it first")
        lacking = missing(deployment)
        return Progress(
            is_set=True,
            is_done=lacking == "",
            template=template,
            detail=lacking or f"{_where(command)} runs template {template}",
        )

    def undo(self, command: Command) -> str:
        """Give the Deployment the template back."""
        return self._undo(command, is_rehearsal=False)

    def rehearse(self, command: Command) -> str:
        """Do everything that an undo does, admission and quota included, and store nothing."""
        return self._undo(command, is_rehearsal=True)

    def promote(self, command: Command) -> str:
        """Let a paused rollout go on; without a pause a Deployment's rollout promotes itself."""

        def decide(
            deployment: dict[str, Any], mine: list[dict[str, Any]]
        ) -> tuple[str, list[dict[str, Any]]]:
            template = running_template(deployment, mine)
            if template != command.template:
                raise RefusedActionError(
                    f"{_what(command)}: template {template or '(not known yet)'} is asked for by now"
                )
            if not is_paused(deployment):
                return f"{_where(command)} is not paused", []
            return f"{_where(command)}: rollout of template {template} resumed", resume_patch(deployment)

        return self._change(command, decide, is_rehearsal=False)

    def _undo(self, command: Command, is_rehearsal: bool) -> str:
        what = _what(command)

        def decide(
            deployment: dict[str, Any], mine: list[dict[str, Any]]
        ) -> tuple[str, list[dict[str, Any]]]:
            if is_paused(deployment):
                raise RefusedActionError(f"{what}: it is paused, resume it first")
            template = running_template(deployment, mine)
            if template == command.template:
                return f"{_where(command)} is set to template {template} already", []
            if command.expected_template:
                if not template:
                    raise TransientActionError(f"{what}: the controller has made no ReplicaSet yet")
                if template != command.expected_template:
                    raise RefusedActionError(
                        f"{what}: template {template} runs by now, the command undoes "
                        f"{command.expected_template}"
                    )
            old = next((one for one in mine if hash_of(one) == command.template), None)
            if old is None:
                kept = ", ".join(hash_of(one) for one in mine) or "none"
                raise PermanentActionError(
                    f"{what}: no ReplicaSet of that template is left, kept are {kept}; "
                    "revisionHistoryLimit says how many"
                )
            owner = rival(deployment)
            note = f" ({owner} owns it and may write it again)" if owner else ""
            text = f"{_where(command)}: template {template or '?'} -> {command.template}{note}"
            return text, undo_patch(deployment, old)

        return self._change(command, decide, is_rehearsal)

    def _change(
        self,
        command: Command,
        decide: Callable[[dict[str, Any], list[dict[str, Any]]], tuple[str, list[dict[str, Any]]]],
        is_rehearsal: bool,
    ) -> str:
        """Read, decide and write, again when somebody else wrote in between."""
        what = _what(command)
        namespace, name = command.target.namespace, command.target.workload
        refused: ConflictError | None = None
        refused_version = ""
        for _ in range(ATTEMPTS):
            deployment, mine = self._read(what, namespace, name)
            version = deployment["metadata"]["resourceVersion"]
            if refused is not None and version == refused_version:
                # Nobody wrote: it is the patch that the server does not take.
                raise PermanentActionError(str(refused)) from refused
            text, patch = decide(deployment, mine)
            if not patch:
                return text
            try:
                self._api.patch_deployment(what, namespace, name, patch, is_rehearsal=is_rehearsal)
            except ConflictError as error:
                refused, refused_version = error, version
                continue
            return text
        raise TransientActionError(f"{what}: somebody else wrote {ATTEMPTS} times in between")

    def _read(self, what: str, namespace: str, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        deployment = self._api.deployment(what, namespace, name)
        listed = self._api.replica_sets(what, namespace, selector_text(deployment))
        return deployment, owned(deployment, listed)


def _where(command: Command) -> str:
    return f"{command.target.namespace}/{command.target.workload}"


def _what(command: Command) -> str:
    return f"{command.kind} of {_where(command)} to template {command.template}"
