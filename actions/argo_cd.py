"""Applications of Argo CD: how automatic sync is paused, and what revision they brought in and ask for.

Source: argo-cd.readthedocs.io, Automated Sync Policy and Refresh; argo-cd 3, types.go of
pkg/apis/application/v1alpha1 and controller/appcontroller.go; its CRD applications.argoproj.io. Its status is
no subresource.
"""

import re
from datetime import datetime, timedelta

from actions.errors import RefusedActionError, TransientActionError
from actions.kubernetes_api import FIELD_MANAGER, KubernetesApi, PatchForm
from actions.kubernetes_objects import Json, instant
from actions.kubernetes_resources import APPLICATIONS, Resource
from actions.owner_objects import Source, Way
from actions.owner_traces import group_of
from schemas.verbs import OwnerKind

REFRESH = "argocd.argoproj.io/refresh"
"""Asks the controller to compare with the source; it takes the annotation away when it did."""

SKIP = "argocd.argoproj.io/skip-reconcile"
RECENT = timedelta(minutes=2)
"""A sync that began longer before a command waits for something, and has applied what it was to apply."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Applications:
    """An Application, as a tool that brings its objects to a revision of git."""

    owner = OwnerKind.ARGO_CD
    resource: Resource = APPLICATIONS
    manager = FIELD_MANAGER

    def is_automatic(self, body: Json) -> bool:
        """Return whether a new revision, and with self-heal a changed object, starts a sync."""
        if (body["metadata"].get("annotations") or {}).get(SKIP) == "true":
            return False
        automated = _automated(body)
        return automated is not None and automated.get("enabled") is not False

    def applied(self, body: Json) -> str:
        """Return the revision of the newest sync, which also one that hangs or failed has applied in part."""
        status = body.get("status") or {}
        operation = (status.get("operationState") or {}).get("syncResult") or {}
        history = status.get("history") or [{}]
        return _revision(operation) or _revision(history[-1]) or _revision(status.get("sync") or {})

    def wanted(self, api: KubernetesApi, name: str, body: Json, since: datetime) -> str:
        """Return the revision that it was last compared with, after asking it to compare if need be."""
        metadata, status = body["metadata"], body.get("status") or {}
        title = f"Application {metadata['namespace']}/{metadata['name']}"
        compared = instant(status["reconciledAt"]) if status.get("reconciledAt") else None
        # Its time has whole seconds, rounded down: one of the same second may be from before.
        if compared is None or compared < since:
            if REFRESH not in (metadata.get("annotations") or {}):
                ask: Json = {"metadata": {"uid": metadata["uid"], "annotations": {REFRESH: "normal"}}}
                api.patch(name, self.resource, metadata["namespace"], metadata["name"], ask, PatchForm.MERGE)
            raise TransientActionError(f"{name}: {title} was asked to look at its source and has not yet")
        sync = status.get("sync") or {}
        if sync.get("status") == "Unknown" or not _revision(sync):
            raise RefusedActionError(
                f"{name}: {title} cannot tell what its source asks for{_trouble(status)}, so it stays paused"
            )
        return _revision(sync)

    def ways(self, body: Json) -> tuple[Way, ...]:
        """Return `enabled: false`, and for versions before 3.1 that have no such field, no `automated`."""
        automated = _automated(body) or {}
        return (
            Way(
                written=_policy({"enabled": False}),
                lifted=_policy({"enabled": automated.get("enabled")}),
            ),
            Way(written=_policy(None), lifted=_policy(automated)),
        )

    def asking(self, body: Json) -> Json:  # noqa: ARG002  # the same for all
        """Return the request for a refresh: looks at one Application come after each other."""
        return {REFRESH: "normal"}

    def has_seen(self, body: Json) -> bool:
        """Return whether the controller took the request away."""
        return REFRESH not in (body["metadata"].get("annotations") or {})

    def is_busy(self, body: Json, since: datetime) -> bool:
        """Return whether a sync is under way that began shortly before an instant, or after it."""
        if not body.get("operation"):
            return False
        began = ((body.get("status") or {}).get("operationState") or {}).get("startedAt")
        # A new operation whose state is not written yet shows the one before, which has ended.
        phase = ((body.get("status") or {}).get("operationState") or {}).get("phase")
        return phase not in ("Running", "Terminating") or began is None or instant(began) >= since - RECENT

    def source(self, api: KubernetesApi, name: str, body: Json) -> Source:  # noqa: ARG002  # it says all itself
        """Return its repository, unless it has several, follows no branch, or takes a chart."""
        spec = body["spec"]
        one = spec.get("source") or {}
        if spec.get("sources"):
            return Source(why_not="it has several sources, and none says which of them is bad")
        if one.get("chart"):
            return Source(url=one.get("repoURL", ""), why_not="its source is a chart, no folder of git")
        commit, branch = self.applied(body), one.get("targetRevision") or ""
        if not _COMMIT.fullmatch(commit):
            return Source(url=one.get("repoURL", ""), why_not=f"revision {commit or '(none)'} is no commit")
        if _COMMIT.fullmatch(branch):
            return Source(
                url=one.get("repoURL", ""), why_not="it is pinned to a commit and follows no branch"
            )
        path = str(one.get("path") or "").strip("/")
        return Source(
            url=str(one.get("repoURL", "")),
            branch="" if branch == "HEAD" else branch.removeprefix("refs/heads/"),
            commit=commit,
            path="" if path == "." else path,
        )


def lists(application: Json, thing: Json) -> bool:
    """Return whether an Application says that it manages an object."""
    metadata = thing["metadata"]
    here = (group_of(thing), thing.get("kind"), metadata.get("namespace", ""), metadata["name"])
    return any(
        (one.get("group", ""), one.get("kind"), one.get("namespace", ""), one.get("name")) == here
        for one in (application.get("status") or {}).get("resources") or []
    )


def _automated(body: Json) -> Json | None:
    found = (body["spec"].get("syncPolicy") or {}).get("automated")
    return found if isinstance(found, dict) else None


def _policy(automated: Json | None) -> Json:
    return {"spec": {"syncPolicy": {"automated": automated}}}


def _revision(state: Json) -> str:
    """Return the revision of one state; of several sources, all of them."""
    return str(state.get("revision") or "") or ",".join(state.get("revisions") or [])


def _trouble(status: Json) -> str:
    conditions = status.get("conditions") or []
    said = next((one.get("type") for one in conditions if str(one.get("type", "")).endswith("Error")), None)
    return f" ({said})" if said else ""
