"""The objects of tools that bring workloads to what a source says: how each is read, paused and let go on.

An Application of Argo CD, a Kustomization or HelmRelease of Flux. Each tool is one `Tool`; what is the same
for all, the lease, is in `sync_lease`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_objects import Json, version_of
from actions.kubernetes_resources import Resource
from schemas.verbs import OwnerKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to pause an object.

    Attributes:
        written: Merge patch that pauses it.
        lifted: Merge patch that puts back what stood there before.
    """

    written: Json
    lifted: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where an owner takes the state from that it brings about.

    Attributes:
        url: Address of the repository.
        branch: Branch that is followed; "" for the repository's default branch.
        commit: The commit that was brought in, in full; "" where it is none of git's.
        path: Folder of the repository; "" for all of it.
        why_not: Why nothing can be reverted there; "" when something can.
    """

    url: str = ""
    branch: str = ""
    commit: str = ""
    path: str = ""
    why_not: str = ""


class Tool(Protocol):
    """One kind of object that writes other objects again from a source."""

    owner: OwnerKind
    resource: Resource
    manager: str
    """Who writes the pause, as the API server is told."""

    def is_automatic(self, body: Json) -> bool:
        """Return whether it writes its objects again without being asked."""

    def applied(self, body: Json) -> str:
        """Return the revision of the source that it brought in last; "" when it does not say."""

    def wanted(self, api: KubernetesApi, name: str, body: Json, since: datetime) -> str:
        """Return the revision that its source asks for now, or at least did after an instant.

        Raises:
            TransientActionError: it was asked to look and has not yet.
            RefusedActionError: it cannot tell.
        """

    def ways(self, body: Json) -> tuple[Way, ...]:
        """Return the ways to pause it, the best first: an older version may know only the last."""

    def asking(self, body: Json) -> Json:
        """Return annotations that a pause is written with, by which the tool shows that it has seen it."""

    def has_seen(self, body: Json) -> bool:
        """Return whether what it began before the pause was written is behind it, as far as it shows that."""

    def is_busy(self, body: Json, since: datetime) -> bool:
        """Return whether it writes its objects right now, and began after an instant."""

    def source(self, api: KubernetesApi, name: str, body: Json) -> Source:
        """Return where it takes its state from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One such object as it was read."""

    tool: Tool
    body: Json

    @property
    def title(self) -> str:
        """Return how sentences name it."""
        metadata = self.body["metadata"]
        return f"{self.tool.resource.kind} {metadata['namespace']}/{metadata['name']}"

    @property
    def version(self) -> str:
        """Return what tells one state of it from the next."""
        return version_of(self.body)

    @property
    def is_automatic(self) -> bool:
        """Return whether it writes its objects again without being asked."""
        return self.tool.is_automatic(self.body)


def read_owner(api: KubernetesApi, name: str, tool: Tool, namespace: str, called: str) -> Owner:
    """Return an owner's object; `name` begins the text of an error.

    Raises:
        NotFoundError: there is none, or the cluster does not know its type.
        ForbiddenError: we may not read it.
    """
    return Owner(tool=tool, body=api.read(name, tool.resource, namespace, called))


def read_again(api: KubernetesApi, name: str, owner: Owner) -> Owner:
    """Return an owner's object as it is now."""
    metadata = owner.body["metadata"]
    return read_owner(api, name, owner.tool, metadata["namespace"], metadata["name"])


def holds(body: Json, patch: Json) -> bool:
    """Return whether an object is as a merge patch (RFC 7396) would leave it.

    >>> holds({"spec": {"a": {"enabled": False, "prune": True}}}, {"spec": {"a": {"enabled": False}}})
    True
    >>> holds({"spec": {"a": {}}}, {"spec": {"a": None}})
    False
    """
    for key, value in patch.items():
        if value is None:
            if key in body:
                return False
        elif isinstance(value, dict):
            inner = body.get(key)
            if not isinstance(inner, dict) or not holds(inner, value):
                # What takes nothing but absent keys away is also held where their parent is absent.
                if inner is None and holds({}, value):
                    continue
                return False
        elif body.get(key) != value:
            return False
    return True
