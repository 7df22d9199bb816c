"""What is asked of any Kubernetes object's JSON: its version, what must still hold, who else writes it."""

from typing import Any

Json = dict[str, Any]

# Tools that write the object again from elsewhere, told by what they leave on it.
_OWNERS = (
    ("annotations", "argocd.argoproj.io/tracking-id", "Argo CD"),
    ("labels", "kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("labels", "helm.toolkit.fluxcd.io/name", "Flux"),
    ("annotations", "meta.helm.sh/release-name", "Helm"),
)


def version_of(thing: Json) -> str:
    """Return an object's resourceVersion."""
    return str(thing["metadata"]["resourceVersion"])


def rival(thing: Json) -> str:
    """Return the tool that will write this object again from elsewhere; "" when none left a trace."""
    for part, key, name in _OWNERS:
        if key in (thing["metadata"].get(part) or {}):
            return name
    return ""


def rival_note(thing: Json) -> str:
    """Return what to add to a sentence about a changed object that a tool owns; "" when none does."""
    owner = rival(thing)
    return f" ({owner} owns it and may write it again)" if owner else ""


def as_read(thing: Json) -> dict[str, str]:
    """Return what must still hold when a patch arrives, as metadata of a merge patch (409 if it does not)."""
    metadata = thing["metadata"]
    return {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}


def tests(thing: Json) -> list[Json]:
    """Return what must still hold when a patch arrives, as steps of a JSON patch (422 if it does not)."""
    return [
        {"op": "test", "path": f"/metadata/{key}", "value": value} for key, value in as_read(thing).items()
    ]
