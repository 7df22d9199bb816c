"""Undo of a workload that Helm alone owns: a rollback of its release, where one revision is certain."""

from dataclasses import dataclass, replace
from datetime import datetime

import yaml

from actions.errors import HandedOverError, PermanentActionError, TransientActionError
from actions.helm_history import PENDING, Revision, history_of, selector, way_back
from actions.helm_program import Helm
from actions.kubernetes_api import ForbiddenError, KubernetesApi, PatchForm
from actions.kubernetes_objects import as_read
from actions.kubernetes_resources import SECRETS, WORKLOADS
from actions.kubernetes_verb import Verb, what
from actions.owner_traces import Trace
from actions.workloads import Workload, read_workload
from schemas.orders import Command
from schemas.verbs import OwnerKind, Ownership


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release of Helm.

    Attributes:
        trace: What gave it away.
        history: Its revisions, the oldest first; empty where they may not be read.
    """

    trace: Trace
    history: tuple[Revision, ...]

    @property
    def title(self) -> str:
        """Return how sentences name it."""
        return f"Release {self.trace.namespace}/{self.trace.name}"

    def rolled_back_since(self, instant: datetime) -> Revision | None:
        """Return the newest revision if it began after an instant."""
        newest = self.history[-1] if self.history else None
        # Its time has whole seconds.
        return newest if newest and newest.created >= instant.replace(microsecond=0) else None


def read_release(api: KubernetesApi, command: Command, trace: Trace) -> Release:
    """Return a release with its history, from the metadata of its Secrets alone."""
    try:
        secrets = api.listed(what(command), SECRETS, trace.namespace, selector(trace.name), is_metadata=True)
    except ForbiddenError:
        secrets = []
    return Release(trace=trace, history=history_of(secrets))


def roll_back(
    api: KubernetesApi, helm: Helm, command: Command, release: Release, undo: Verb, *, is_rehearsal: bool
) -> str:
    """Roll a release back to the revision before the bad template, and see that the good one is asked for.

    Raises:
        TransientActionError: another operation on the release is under way.
        HandedOverError: no revision is certain.
        PermanentActionError: Helm failed, or the revision brought another template.
    """
    name, newest = what(command), release.history[-1]
    if newest.status in PENDING:
        raise TransientActionError(
            f"{name}: {release.title} is {newest.status} since {newest.created}, revision {newest.number}"
        )
    workload = read_workload(api, name, command.target)
    if workload.template == command.template:
        return undo.carry_out(command, is_rehearsal=is_rehearsal)
    way = way_back(release.history, workload.kept, command.target.kind, command.template, workload.template)
    why_not = way.why_not or _difference(api, helm, command, release, workload, way.revision)
    if why_not:
        strategy = f"nothing is touched: no revision of {release.title} is certain, {why_not}"
        ownership = Ownership(owner=OwnerKind.HELM, name=release.title, strategy=strategy)
        raise HandedOverError(
            f"{name}: {strategy}; `helm history {release.trace.name} --namespace "
            f"{release.trace.namespace}` lists them",
            ownership,
        )
    text = f"{release.title}: rolled back from revision {newest.number} to {way.revision}"
    if is_rehearsal:
        return text
    helm.rollback(name, release.trace.name, way.revision, release.trace.namespace)
    seen = undo.read_back(command)
    if not seen.is_set:
        raise PermanentActionError(
            f"{name}: {text}, and template {seen.template} is asked for; all else went back with it"
        )
    return text


def _difference(
    api: KubernetesApi, helm: Helm, command: Command, release: Release, workload: Workload, revision: int
) -> str:
    """Return how a revision's template is another one than that to go back to; "" where it is the same.

    The API server itself writes both in the same way: it is asked what the workload would be, and stores
    nothing.
    """
    name, trace, resource = what(command), release.trace, WORKLOADS[command.target.kind][0]
    found = [
        one
        for one in yaml.safe_load_all(helm.manifest(name, trace.name, revision, trace.namespace))
        if isinstance(one, dict)
        and one.get("kind") == resource.kind
        and (one.get("metadata") or {}).get("name") == command.target.workload
    ]
    if len(found) != 1:
        return f"revision {revision} holds {len(found)} objects of this name"
    template = {"$patch": "replace", **found[0]["spec"]["template"]}
    body = {"metadata": as_read(workload.body), "spec": {"template": template}}
    would_be = api.patch(
        name,
        resource,
        command.target.namespace,
        command.target.workload,
        body,
        PatchForm.STRATEGIC,
        is_rehearsal=True,
    )
    if replace(workload, body=would_be).template != command.template:
        return f"the template of revision {revision} is another one"
    return ""
