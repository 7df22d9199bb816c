"""The lease on an owner's object: it leaves its objects alone for a while, and says itself until when.

Everything that ending the lease needs is written beside the pause, in the same write, as an annotation of
the object. So a pause is never there without its note, whoever died in between; a command that comes again
knows its own pause; and what somebody changed meanwhile is seen and left alone.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime

from actions.errors import PermanentActionError
from actions.kubernetes_api import KubernetesApi, NotFoundError, PatchForm
from actions.kubernetes_objects import Json, as_read
from actions.kubernetes_verb import write_as_read
from actions.owner_objects import Owner, Way, holds, read_again
from schemas.codec import from_json, to_json
from schemas.errors import SchemaError
from schemas.orders import Command
from schemas.verbs import PausedSync

NOTE = "suture.dev/paused-sync"
MOST_COMMANDS = 32
"""Commands that one pause serves: an application has few workloads that turn bad within one lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseNote:
    """What the annotation says.

    Attributes:
        quarantined: The bad revision that each command undid, by the command's id, oldest first.
        since: When it was paused; None where nobody told the time.
        until: When the lease ends.
        written: Merge patch that paused the object.
        lifted: Merge patch that puts back what stood there.
        links: Where humans go on, by the command's id.
    """

    quarantined: dict[str, str]
    until: AwareDatetime
    written: dict[str, Any]
    lifted: dict[str, Any]
    links: dict[str, str] = field(default_factory=dict)
    since: AwareDatetime | None = None


def note_of(owner: Owner) -> LeaseNote | None:
    """Return what a paused object says of its lease; None where it says nothing that we wrote."""
    text = (owner.body["metadata"].get("annotations") or {}).get(NOTE)
    if text is None:
        return None
    try:
        return from_json(LeaseNote, text.encode())
    except SchemaError:
        return None


def is_ours(owner: Owner) -> bool:
    """Return whether it is paused, and by us."""
    note = note_of(owner)
    return note is not None and holds(owner.body, note.written)


def paused_sync(owner: Owner, command: Command) -> PausedSync | None:
    """Return what a command relies on at an owner; None when it paused nothing there, or that is over."""
    note = note_of(owner)
    if note is None or command.id not in note.quarantined or not holds(owner.body, note.written):
        return None
    metadata = owner.body["metadata"]
    return PausedSync(
        owner=owner.tool.owner,
        resource=owner.tool.resource.kind,
        namespace=metadata["namespace"],
        name=metadata["name"],
        revision=note.quarantined[command.id],
        until=note.until,
        lifted=to_json(note.lifted).decode(),
    )


def pause(
    api: KubernetesApi,
    name: str,
    owner: Owner,
    command: Command,
    lease: timedelta,
    *,
    now: datetime | None,
    is_rehearsal: bool,
) -> str:
    """Pause an owner's object for a command, or join a lease that runs; return what was done, "" for nothing.

    Raises:
        PermanentActionError: it knows none of the ways to be paused.
    """

    def decide(seen: Owner) -> tuple[str, Json | None]:
        note = note_of(seen) if is_ours(seen) else None
        if note is not None and command.id in note.quarantined:
            return "", None
        if note is None and not seen.is_automatic:
            # Somebody else paused it: not ours to let go on.
            return "", None
        until = _end(command.issued_at, lease)
        if note is not None:
            longer = replace(
                note,
                quarantined=_newest({**note.quarantined, command.id: seen.tool.applied(seen.body)}),
                until=max(note.until, until),
            )
            return f"lease on {seen.title} joined until {longer.until}", _noted(seen, longer, {})
        way = _known_way(api, name, seen)
        note = LeaseNote(
            quarantined={command.id: seen.tool.applied(seen.body)},
            until=until,
            written=way.written,
            lifted=way.lifted,
            since=now,
        )
        return f"{seen.title} paused until {until}", _noted(
            seen, note, way.written, seen.tool.asking(seen.body)
        )

    return _written(api, name, owner, decide, is_rehearsal=is_rehearsal)


def note_link(api: KubernetesApi, name: str, owner: Owner, command: Command, link: str) -> None:
    """Write down where a human goes on about a command, so that a command that comes again knows."""

    def decide(seen: Owner) -> tuple[str, Json | None]:
        note = note_of(seen)
        if note is None or command.id not in note.quarantined:
            return "", None
        return "", _noted(seen, replace(note, links=_newest({**note.links, command.id: link})), {})

    # What was read before the pause knows no note.
    _written(api, name, read_again(api, name, owner), decide, is_rehearsal=False)


def leave(api: KubernetesApi, name: str, owner: Owner, command: Command) -> str:
    """Give up a command's share of a lease, because it changed nothing; the last one lets the owner go on."""
    seen = read_again(api, name, owner)
    note = note_of(seen)
    if note is None or command.id not in note.quarantined:
        return ""
    if len(note.quarantined) == 1:
        return lift(api, name, seen)

    def decide(seen: Owner) -> tuple[str, Json | None]:
        note = note_of(seen)
        if note is None:
            return "", None
        rest = {key: value for key, value in note.quarantined.items() if key != command.id}
        return "", _noted(seen, replace(note, quarantined=rest), {})

    return _written(api, name, seen, decide, is_rehearsal=False)


def lift(api: KubernetesApi, name: str, owner: Owner, *, is_rehearsal: bool = False) -> str:
    """Put back exactly what was lifted, unless somebody changed it since; remove our note, say what was done.

    An owner that is gone has nothing to be put back.
    """

    def decide(seen: Owner) -> tuple[str, Json | None]:
        note = note_of(seen)
        if note is None:
            return f"{seen.title} is not paused by us any more", None
        metadata = {**as_read(seen.body), "annotations": {NOTE: None}}
        if not holds(seen.body, note.written):
            text = f"{seen.title}: somebody changed the pause meanwhile, which stays as it is"
            return text, {"metadata": metadata}
        return f"{seen.title} goes on by itself again", {**note.lifted, "metadata": metadata}

    try:
        return _written(api, name, owner, decide, is_rehearsal=is_rehearsal)
    except NotFoundError:
        return f"{owner.title} is gone"


def _written(api: KubernetesApi, name: str, owner: Owner, decide: Any, *, is_rehearsal: bool) -> str:
    metadata, tool = owner.body["metadata"], owner.tool
    first: list[Owner] = [owner]
    return write_as_read(
        name,
        # What was just read is good for the first try: the server sees to it that it still stands.
        lambda: first.pop() if first else read_again(api, name, owner),
        lambda seen: seen.version,
        decide,
        lambda body: api.patch(
            name,
            tool.resource,
            metadata["namespace"],
            metadata["name"],
            body,
            PatchForm.MERGE,
            is_rehearsal=is_rehearsal,
            manager=tool.manager,
        ),
    )


def _known_way(api: KubernetesApi, name: str, owner: Owner) -> Way:
    """Return the first way whose fields the server keeps: what a CRD does not know is dropped in silence."""
    ways = owner.tool.ways(owner.body)
    if len(ways) == 1:
        return ways[0]
    metadata, tool = owner.body["metadata"], owner.tool
    for way in ways:
        body = {"metadata": as_read(owner.body), **way.written}
        answer = api.patch(
            name,
            tool.resource,
            metadata["namespace"],
            metadata["name"],
            body,
            PatchForm.MERGE,
            is_rehearsal=True,
            manager=tool.manager,
        )
        if holds(answer, way.written):
            return way
    raise PermanentActionError(f"{name}: {owner.title} keeps none of the fields that would pause it")


def _noted(owner: Owner, note: LeaseNote, fields: Json, more: Json | None = None) -> Json:
    metadata = {**as_read(owner.body), "annotations": {NOTE: to_json(note).decode(), **(more or {})}}
    return {**fields, "metadata": metadata}


def _newest(by_command: dict[str, str]) -> dict[str, str]:
    return dict(list(by_command.items())[-MOST_COMMANDS:])


def _end(issued_at: datetime, lease: timedelta) -> datetime:
    """Return when a lease ends; from the command alone, so that a repeat says the same."""
    return (issued_at + lease).replace(microsecond=0)
