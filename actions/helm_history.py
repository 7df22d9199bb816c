"""Which revision of a Helm release brought the template to go back to: one candidate, or none. Pure.

Helm keeps each revision in a Secret, whose labels and age are enough here. That the candidate's manifest
gives the very template is for the API server to say: changes past Helm leave no trace among these instants.
Source: helm.sh, Storage backends; helm v3, pkg/storage/driver/secrets.go and pkg/release/status.go.
"""

from dataclasses import dataclass
from datetime import datetime

from actions.deployment_undo import REVISION, hash_of
from actions.kubernetes_objects import Json, instant
from actions.revision_undo import name_of
from schemas.keys import TemplateHash
from schemas.releases import TargetKind

PENDING = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling")
_RAN = ("superseded", "deployed")
_REUSED = "deployment.kubernetes.io/revision-history"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision of a release.

    Attributes:
        status: As Helm names it.
        created: When it was begun, in whole seconds.
    """

    number: int
    status: str
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """What to roll back to.

    Attributes:
        revision: Its number; 0 for none.
        why_not: Why there is none; "" when there is one.
    """

    revision: int = 0
    why_not: str = ""


def selector(release: str) -> str:
    """Return the selector of a release's Secrets."""
    return f"owner=helm,name={release}"


def history_of(secrets: list[Json]) -> tuple[Revision, ...]:
    """Return a release's revisions, the oldest first."""
    found = [
        Revision(
            number=int(one["metadata"]["labels"]["version"]),
            status=one["metadata"]["labels"].get("status", ""),
            created=instant(one["metadata"]["creationTimestamp"]),
        )
        for one in secrets
    ]
    return tuple(sorted(found, key=lambda one: one.number))


def way_back(
    history: tuple[Revision, ...],
    kept: list[Json],
    kind: TargetKind,
    good: TemplateHash,
    bad: TemplateHash,
) -> WayBack:
    """Return the revision directly before the one that brought a bad template in.

    There is one only where the good template ran directly before the bad one, where the bad one was made
    right after exactly one revision began and is used for the first time, and where that revision is the
    newest that came to anything.

    Args:
        history: The release's revisions, the oldest first.
        kept: The ReplicaSets or ControllerRevisions of the workload.
        kind: What the workload is.
        good: The template to go back to.
        bad: The template that runs.
    """
    named = {hash_of(one) if kind is TargetKind.DEPLOYMENT else name_of(one, kind): one for one in kept}
    if good not in named or bad not in named:
        return WayBack(why_not=f"template {bad if good in named else good} is not kept any more")
    old, new = named[good], named[bad]
    if _place(old) + 1 != _place(new) or _REUSED in (new["metadata"].get("annotations") or {}):
        return WayBack(why_not=f"template {good} did not run directly before {bad} came for the first time")
    made, made_before = _made(new), _made(old)
    begun = [one for one in history if one.created <= made]
    if not begun or made_before > made:
        return WayBack(why_not=f"no revision that is kept brought template {bad} in")
    bringer = begun[-1]
    if len(begun) > 1 and begun[-2].created == made:
        return WayBack(why_not=f"two revisions began in the second in which template {bad} was made")
    if made_before >= bringer.created:
        # In the same second, too: nobody knows what came first.
        return WayBack(why_not=f"both templates were made after revision {bringer.number} began")
    if later := [one for one in history if one.number > bringer.number and one.status in _RAN]:
        return WayBack(
            why_not=f"revision {bringer.number} brought template {bad} in, and {later[-1].number} came since"
        )
    if len(begun) < 2 or begun[-2].status not in _RAN:
        return WayBack(why_not=f"the revision before {bringer.number} is not kept, or came to nothing")
    return WayBack(revision=begun[-2].number)


def _place(kept: Json) -> int:
    """Return a kept template's place among them: it rises each time that it is used."""
    if "revision" in kept:
        return int(kept["revision"])
    return int((kept["metadata"].get("annotations") or {}).get(REVISION, "0"))


def _made(kept: Json) -> datetime:
    return instant(kept["metadata"]["creationTimestamp"])
