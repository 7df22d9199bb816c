"""A Deployment, StatefulSet or DaemonSet as it was read, with the templates that are kept of it."""

from dataclasses import dataclass
from typing import assert_never

from actions.deployment_undo import is_paused, missing, owned, running_template, selector_text
from actions.errors import PermanentActionError, RefusedActionError, TransientActionError
from actions.kubernetes_api import KubernetesApi, PatchForm
from actions.kubernetes_objects import Json, version_of
from actions.kubernetes_resources import WORKLOADS
from actions.kubernetes_verb import what
from actions.revision_undo import (
    missing_of_daemon_set,
    missing_of_stateful_set,
    owned_revisions,
    running_revision,
    waits_for_deletion,
)
from schemas.keys import TemplateHash
from schemas.orders import Command
from schemas.releases import Target, TargetKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What was read.

    Attributes:
        kind: What it is.
        body: The object.
        kept: Its ReplicaSets or ControllerRevisions, newest first.
    """

    kind: TargetKind
    body: Json
    kept: list[Json]

    @property
    def version(self) -> str:
        """Return what tells one state of the object from the next."""
        return version_of(self.body)

    @property
    def template(self) -> TemplateHash:
        """Return the name of the template that it asks for; "" before the controller knows."""
        if self.kind is TargetKind.DEPLOYMENT:
            return running_template(self.body, self.kept)
        return running_revision(self.body, self.kept, self.kind)

    @property
    def selector(self) -> str:
        """Return its selector as a query takes it."""
        return selector_text(self.body)

    def lacking(self) -> str:
        """Return what its rollout lacks, "" when it is complete.

        Raises:
            PermanentActionError: the rollout did not progress within its own deadline.
        """
        match self.kind:
            case TargetKind.DEPLOYMENT:
                return missing(self.body)
            case TargetKind.STATEFUL_SET:
                return missing_of_stateful_set(self.body)
            case TargetKind.DAEMON_SET:
                return missing_of_daemon_set(self.body)
            case TargetKind.CRON_JOB | TargetKind.CONFIG_MAP | TargetKind.PROCESSES | TargetKind.ROLLOUT:
                raise PermanentActionError(f"a {self.kind} is no workload of Kubernetes itself")
            case _:
                assert_never(self.kind)


def read_workload(api: KubernetesApi, name: str, target: Target) -> Workload:
    """Return a workload; `name` begins the text of an error."""
    resource, keeper = WORKLOADS[target.kind]
    body = api.read(name, resource, target.namespace, target.workload)
    listed = api.listed(name, keeper, target.namespace, selector_text(body))
    is_deployment = target.kind is TargetKind.DEPLOYMENT
    kept = owned(body, listed) if is_deployment else owned_revisions(body, listed)
    return Workload(kind=target.kind, body=body, kept=kept)


def patch_workload(
    api: KubernetesApi,
    name: str,
    target: Target,
    body: Json | list[Json],
    *,
    is_rehearsal: bool,
) -> None:
    """Change a workload: a mapping is a strategic merge patch, a list a JSON patch."""
    form = PatchForm.JSON if isinstance(body, list) else PatchForm.STRATEGIC
    resource, _ = WORKLOADS[target.kind]
    api.patch(name, resource, target.namespace, target.workload, body, form, is_rehearsal=is_rehearsal)


def require_expected(command: Command, workload: Workload) -> None:
    """Go on when the template runs that the command was given for.

    Raises:
        TransientActionError: the controller has not named the newest template yet.
        RefusedActionError: another one runs.
    """
    if not command.expected_template:
        return
    if not workload.template:
        raise TransientActionError(f"{what(command)}: the controller has not named the newest template yet")
    if workload.template != command.expected_template:
        raise RefusedActionError(
            f"{what(command)}: template {workload.template} runs by now, the command was given for "
            f"{command.expected_template}"
        )


def require_rolling(name: str, workload: Workload) -> None:
    """Go on when a change of the template would reach the pods.

    Raises:
        RefusedActionError: it is paused, or its pods change only when somebody deletes them.
    """
    if is_paused(workload.body):
        raise RefusedActionError(f"{name}: it is paused, resume it first")
    if waits_for_deletion(workload.body):
        raise RefusedActionError(
            f"{name}: its updateStrategy is OnDelete, so pods keep their template until somebody deletes them"
        )
