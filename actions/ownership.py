"""Who writes a workload again from elsewhere: found from the traces on it, and asked of the owner itself.

Only an object with a trace costs a request. Rights on owners' objects are needed only where there are any.
"""

from dataclasses import dataclass
from datetime import timedelta

from actions.argo_cd import Applications, lists
from actions.errors import PermanentActionError
from actions.flux import HelmReleases, Kustomizations
from actions.kubernetes_api import ForbiddenError, KubernetesApi, NotFoundError
from actions.kubernetes_objects import Json
from actions.kubernetes_resources import APPLICATIONS
from actions.owner_objects import Owner, Tool, read_owner
from actions.owner_traces import KUSTOMIZE, Trace, traces
from schemas.verbs import OwnerKind

ARGO_CD_NAMESPACE = "argocd"
FLUX_NAMESPACE = "flux-system"
LEASE = timedelta(minutes=30)

_TOOLS: dict[str, Tool] = {
    "Application": Applications(),
    "Kustomization": Kustomizations(),
    "HelmRelease": HelmReleases(),
}
# By Flux's words on the object itself; the second leaves alone what is there already.
_SPARED = {f"{KUSTOMIZE}/reconcile": ("disabled",), f"{KUSTOMIZE}/ssa": ("Ignore", "IfNotPresent")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """Who owns a workload.

    Attributes:
        trace: What gave it away.
        owners: The owner's objects, the outermost first, the workload's own last; empty for Helm, which
            keeps none that acts by itself.
        held_by: What would take a change of those objects back; "" when nothing would.
    """

    trace: Trace
    owners: tuple[Owner, ...] = ()
    held_by: str = ""

    @property
    def title(self) -> str:
        """Return how sentences name the owner."""
        if self.owners:
            return self.owners[-1].title
        return f"{self.trace.kind} {self.trace.namespace}/{self.trace.name}"


def tool_for(kind: str) -> Tool:
    """Return the tool of an owner's kind of object.

    Raises:
        PermanentActionError: it is none.
    """
    if kind not in _TOOLS:
        raise PermanentActionError(f"{kind} is no kind of owner, expected {', '.join(_TOOLS)}")
    return _TOOLS[kind]


def find_owner(api: KubernetesApi, name: str, thing: Json, argo_cd: str = ARGO_CD_NAMESPACE) -> Owned | None:
    """Return who owns an object; None for nobody.

    Args:
        api: The cluster.
        name: Begins the text of an error.
        thing: The object.
        argo_cd: Namespace of Argo CD's own Applications.

    Raises:
        ForbiddenError: a trace is certain, and we may not read the owner.
    """
    for trace in traces(thing):
        if trace.owner is OwnerKind.HELM:
            return Owned(trace=trace)
        owner = _named(api, name, thing, trace, argo_cd)
        if owner is None:
            continue
        parent = _parent(api, name, owner)
        return Owned(
            trace=trace,
            owners=(owner,) if parent is None else (parent, owner),
            held_by=_held_by(api, name, owner, argo_cd)
            or (_held_by(api, name, parent, argo_cd) if parent else ""),
        )
    return None


def is_spared(thing: Json) -> bool:
    """Return whether an object itself tells its owner to leave it alone."""
    notes = thing["metadata"].get("annotations") or {}
    return any(notes.get(key) in values for key, values in _SPARED.items())


def _named(api: KubernetesApi, name: str, thing: Json, trace: Trace, argo_cd: str) -> Owner | None:
    """Return the owner that a trace names; None if there is none, or it knows nothing of the object."""
    tool = tool_for(trace.kind)
    default = argo_cd if trace.owner is OwnerKind.ARGO_CD else thing["metadata"].get("namespace", "")
    namespace = trace.namespace or default
    try:
        if not trace.name:
            return _listing(api, name, thing, namespace)
        owner = read_owner(api, name, tool, namespace, trace.name)
    except NotFoundError:
        return None
    except ForbiddenError:
        if trace.is_certain:
            raise
        # Asked for a type that is not there, the server answers the same to who has no right to it.
        return None
    return owner if trace.is_certain or lists(owner.body, thing) else None


def _listing(api: KubernetesApi, name: str, thing: Json, namespace: str) -> Owner | None:
    """Return the Application that lists an object among its own."""
    bodies = api.listed(name, APPLICATIONS, namespace)
    found = next((body for body in bodies if lists(body, thing)), None)
    return None if found is None else Owner(tool=tool_for("Application"), body=_typed(found))


def _parent(api: KubernetesApi, name: str, owner: Owner) -> Owner | None:
    """Return the Kustomization that an object of Flux came from, unless that is itself."""
    if owner.tool.owner is not OwnerKind.FLUX:
        return None
    metadata = owner.body["metadata"]
    for trace in traces(owner.body):
        itself = (trace.kind, trace.namespace, trace.name) == (
            owner.tool.resource.kind,
            metadata["namespace"],
            metadata["name"],
        )
        if trace.kind == "Kustomization" and not itself:
            return _named(api, name, owner.body, trace, "")
    return None


def _held_by(api: KubernetesApi, name: str, owner: Owner, argo_cd: str) -> str:
    """Return what would take a change of an owner's object back; "" when nothing would."""
    for reference in owner.body["metadata"].get("ownerReferences") or []:
        # Such as an ApplicationSet.
        return f"{reference.get('kind')} {reference.get('name')}"
    for trace in traces(owner.body):
        if trace.owner is OwnerKind.HELM or trace.owner is owner.tool.owner is OwnerKind.FLUX:
            continue
        above = _named(api, name, owner.body, trace, argo_cd)
        if above is not None and above.body["metadata"]["uid"] != owner.body["metadata"]["uid"]:
            return above.title
    return ""


def _typed(body: Json) -> Json:
    """Return an item of a list with the type that the list alone says."""
    return {"apiVersion": APPLICATIONS.api_version, "kind": APPLICATIONS.kind, **body}
