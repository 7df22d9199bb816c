"""What an object itself says about the tool that writes it again from elsewhere.

Sources: argo-cd.readthedocs.io, Resource Tracking; fluxcd.io, Kustomization and HelmRelease, labels of
applied objects; helm.sh, Labels and Annotations.
"""

from dataclasses import dataclass

from actions.kubernetes_objects import Json
from schemas.verbs import OwnerKind, Ownership

TITLES = {
    OwnerKind.NOBODY: "nobody",
    OwnerKind.ARGO_CD: "Argo CD",
    OwnerKind.FLUX: "Flux",
    OwnerKind.HELM: "Helm",
}

TRACKING_ID = "argocd.argoproj.io/tracking-id"
RELEASE_NAME, RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
INSTANCE_LABEL = "app.kubernetes.io/instance"
KUSTOMIZE, HELM_TOOLKIT = "kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io"
_ARGO_CD_MANAGER = "argocd-controller"

OWNER_NOTES = (
    TRACKING_ID,
    "argocd.argoproj.io/installation-id",
    RELEASE_NAME,
    RELEASE_NAMESPACE,
    f"{KUSTOMIZE}/reconcile",
    f"{KUSTOMIZE}/ssa",
)
"""Annotations by which an object says whose it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One sign of an owner.

    Attributes:
        kind: Kind of the owner's own object; "Release" of Helm, which keeps no object of its own kind.
        namespace: Where that object lies; "" when the trace does not say.
        name: Its name; "" when the trace does not say.
        is_certain: Nothing else leaves such a sign. Where it is not, the owner's object has to agree.
    """

    owner: OwnerKind
    kind: str
    namespace: str = ""
    name: str = ""
    is_certain: bool = True


def traces(thing: Json) -> tuple[Trace, ...]:
    """Return the signs of owners on an object, the strongest first; empty when nobody left one.

    A tracking id that names another object came along with a copy and is no sign. The instance label is
    set by Helm charts, too, and proves nothing alone.
    """
    metadata = thing["metadata"]
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    found: list[Trace] = []
    name: str
    if application := _tracked_by(notes.get(TRACKING_ID, ""), thing):
        namespace, _, name = application.rpartition("_")
        found.append(Trace(owner=OwnerKind.ARGO_CD, kind="Application", namespace=namespace, name=name))
    for prefix, kind in ((HELM_TOOLKIT, "HelmRelease"), (KUSTOMIZE, "Kustomization")):
        if name := str(labels.get(f"{prefix}/name") or ""):
            namespace = labels.get(f"{prefix}/namespace", "")
            found.append(Trace(owner=OwnerKind.FLUX, kind=kind, namespace=namespace, name=name))
    if found:
        return tuple(found)
    managers = {entry.get("manager") for entry in metadata.get("managedFields") or []}
    instance = labels.get(INSTANCE_LABEL, "")
    if instance or _ARGO_CD_MANAGER in managers:
        # An Application that was deleted leaves both behind.
        found.append(Trace(owner=OwnerKind.ARGO_CD, kind="Application", name=instance, is_certain=False))
    release = notes.get(RELEASE_NAME)
    if release and labels.get("app.kubernetes.io/managed-by") == "Helm":
        namespace = notes.get(RELEASE_NAMESPACE) or metadata.get("namespace", "")
        found.append(Trace(owner=OwnerKind.HELM, kind="Release", namespace=namespace, name=release))
    return tuple(found)


def said_owner(thing: Json) -> Ownership | None:
    """Return NOBODY for an object without any trace; None when somebody has to be asked."""
    return None if traces(thing) else Ownership(owner=OwnerKind.NOBODY)


def rival_note(thing: Json) -> str:
    """Return what to add to a sentence about a changed object that a tool owns; "" when none does."""
    certain = next((trace for trace in traces(thing) if trace.is_certain), None)
    return f" ({TITLES[certain.owner]} owns it and may write it again)" if certain else ""


def group_of(thing: Json) -> str:
    """Return the API group of an object; "" for the core."""
    return str(thing.get("apiVersion", "")).rpartition("/")[0]


def _tracked_by(tracking_id: str, thing: Json) -> str:
    """Return the app of a tracking id `app:group/kind:namespace/name`; "" if it is another object's."""
    application, _, place = tracking_id.partition(":")
    metadata = thing["metadata"]
    here = f"{group_of(thing)}/{thing.get('kind', '')}:{metadata.get('namespace', '')}/{metadata['name']}"
    return application if place == here else ""
