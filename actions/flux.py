"""Kustomizations and HelmReleases of Flux: how they are suspended, and what they brought in and ask for.

Sources: fluxcd.io, Kustomization v1, HelmRelease v2 and GitRepository v1; fluxcd/flux2 cmd/flux/suspend.go.
What is written under the field manager of Flux's own command line is not taken back by the Kustomization that
the object came from.
"""

import re
from datetime import datetime, timedelta

from actions.errors import PermanentActionError, RefusedActionError
from actions.kubernetes_api import KubernetesApi, NotFoundError
from actions.kubernetes_objects import Json, instant
from actions.kubernetes_resources import FLUX_SOURCES, HELM_RELEASES, KUSTOMIZATIONS, Resource
from actions.owner_objects import Source, Way
from schemas.codec import digest
from schemas.verbs import OwnerKind

MANAGER = "flux-client-side-apply"
RECENT = timedelta(minutes=2)
"""A reconciliation that began longer before waits for health, and has applied what it was to apply."""

_COMMIT = re.compile(r"sha1:([0-9a-f]{40})|sha256:([0-9a-f]{64})")


class Kustomizations:
    """A Kustomization, as a tool that brings its objects to a revision of its source."""

    owner = OwnerKind.FLUX
    resource: Resource = KUSTOMIZATIONS
    manager = MANAGER

    def is_automatic(self, body: Json) -> bool:
        """Return whether it applies its source at each interval."""
        return not body["spec"].get("suspend")

    def applied(self, body: Json) -> str:
        """Return the revision that it tried last: one whose pods never get healthy is applied, too."""
        status = body.get("status") or {}
        return str(status.get("lastAttemptedRevision") or status.get("lastAppliedRevision") or "")

    def wanted(self, api: KubernetesApi, name: str, body: Json, since: datetime) -> str:  # noqa: ARG002
        """Return the revision that its source holds; the source looks for newer ones all by itself."""
        revision = str(
            (_source_of(api, name, body).get("status") or {}).get("artifact", {}).get("revision") or ""
        )
        if not revision:
            raise RefusedActionError(
                f"{name}: the source of {_title(self.resource, body)} has no revision, so it stays suspended"
            )
        return revision

    def ways(self, body: Json) -> tuple[Way, ...]:
        """Return the one way: `suspend`."""
        return (_suspension(body),)

    def asking(self, body: Json) -> Json:  # noqa: ARG002  # the same for all
        """Return nothing: what is suspended answers no request."""
        return {}

    def has_seen(self, body: Json) -> bool:  # noqa: ARG002  # it cannot be seen
        """Return that nothing is waited for."""
        return True

    def is_busy(self, body: Json, since: datetime) -> bool:
        """Return whether it reconciles, and began shortly before an instant or after it."""
        return _is_reconciling(body, since)

    def source(self, api: KubernetesApi, name: str, body: Json) -> Source:
        """Return the repository of its GitRepository."""
        source = _source_of(api, name, body)
        spec = source["spec"]
        if source.get("kind") != "GitRepository":
            return Source(
                url=str(spec.get("url", "")), why_not=f"its source is a {source.get('kind')}, not git"
            )
        found = _COMMIT.search(self.applied(body))
        reference = spec.get("ref") or {}
        pinned = next((key for key in ("commit", "name", "semver", "tag") if reference.get(key)), None)
        if pinned or not found:
            why = f"its source is pinned by {pinned}" if pinned else f"{self.applied(body)!r} names no commit"
            return Source(url=str(spec["url"]), why_not=why)
        path = str(body["spec"].get("path") or "").removeprefix("./").strip("/")
        return Source(
            url=str(spec["url"]),
            # The API's own default.
            branch=str(reference.get("branch") or "master"),
            commit=found.group(1) or found.group(2),
            path="" if path == "." else path,
        )


class HelmReleases:
    """A HelmRelease, as a tool that brings a chart with its values in.

    Its revision is the chart's together with a digest of its own fields, because other values are another
    release of the same chart.
    """

    owner = OwnerKind.FLUX
    resource: Resource = HELM_RELEASES
    manager = MANAGER

    def is_automatic(self, body: Json) -> bool:
        """Return whether it installs what its chart and values say."""
        return not body["spec"].get("suspend")

    def applied(self, body: Json) -> str:
        """Return chart and values that it tried last."""
        return _release(str((body.get("status") or {}).get("lastAttemptedRevision") or ""), body)

    def wanted(self, api: KubernetesApi, name: str, body: Json, since: datetime) -> str:  # noqa: ARG002
        """Return chart and values that it would try now."""
        status = body.get("status") or {}
        reference = body["spec"].get("chartRef") or {}
        namespace, _, called = str(status.get("helmChart") or "").rpartition("/")
        if reference:
            namespace, called = reference.get("namespace") or body["metadata"]["namespace"], reference["name"]
        kind = reference.get("kind", "HelmChart")
        if not called or kind not in FLUX_SOURCES:
            raise RefusedActionError(
                f"{name}: {_title(self.resource, body)} names no chart that it takes, so it stays suspended"
            )
        chart = api.read(name, FLUX_SOURCES[kind], namespace, called)
        return _release(str((chart.get("status") or {}).get("artifact", {}).get("revision") or ""), body)

    def ways(self, body: Json) -> tuple[Way, ...]:
        """Return the one way: `suspend`."""
        return (_suspension(body),)

    def asking(self, body: Json) -> Json:  # noqa: ARG002  # the same for all
        """Return nothing: what is suspended answers no request."""
        return {}

    def has_seen(self, body: Json) -> bool:  # noqa: ARG002  # it cannot be seen
        """Return that nothing is waited for."""
        return True

    def is_busy(self, body: Json, since: datetime) -> bool:
        """Return whether it reconciles, and began shortly before an instant or after it."""
        return _is_reconciling(body, since)

    def source(self, api: KubernetesApi, name: str, body: Json) -> Source:  # noqa: ARG002  # nothing is read
        """Return that there is nothing to revert: where its values come from, it does not say."""
        return Source(why_not="a HelmRelease does not say which commit its chart and values came with")


def _source_of(api: KubernetesApi, name: str, body: Json) -> Json:
    reference = body["spec"]["sourceRef"]
    kind = reference["kind"]
    if kind not in FLUX_SOURCES:
        raise RefusedActionError(f"{name}: its source is a {kind}, expected {', '.join(FLUX_SOURCES)}")
    namespace = reference.get("namespace") or body["metadata"]["namespace"]
    try:
        return {"kind": kind, **api.read(name, FLUX_SOURCES[kind], namespace, reference["name"])}
    except NotFoundError as error:
        raise PermanentActionError(f"{name}: {kind} {namespace}/{reference['name']} is not there") from error


def _suspension(body: Json) -> Way:
    return Way(
        written={"spec": {"suspend": True}},
        lifted={"spec": {"suspend": body["spec"].get("suspend")}},
    )


def _is_reconciling(body: Json, since: datetime) -> bool:
    conditions = (body.get("status") or {}).get("conditions") or []
    return any(
        one["type"] == "Reconciling"
        and one["status"] == "True"
        and instant(one["lastTransitionTime"]) >= since - RECENT
        for one in conditions
    )


def _release(chart: str, body: Json) -> str:
    said = {key: value for key, value in body["spec"].items() if key != "suspend"}
    return f"{chart}+spec.{digest(said)}"


def _title(resource: Resource, body: Json) -> str:
    return f"{resource.kind} {body['metadata']['namespace']}/{body['metadata']['name']}"
