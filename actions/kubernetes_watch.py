"""Following a kind of objects: listed once, then change by change, for as long as somebody asks.

A stream that ends goes on from the last version that it told, bookmarks included. Where it tears or falls
silent, or the server keeps no changes from there on (410), everything is listed anew: a list is the present,
and a stream that is taken up again tells for a while what was. Whoever reads the events is told when nobody
knows what goes on (`Lost`).

Source: kubernetes.io, Kubernetes API concepts, "Efficient detection of changes" and "Watch bookmarks".
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any, Generic, TypeVar

from actions.errors import ActionError, TransientActionError
from actions.kubernetes_api import ExpiredVersionError, KubernetesApi, UnservedTypeError
from actions.kubernetes_objects import Json
from actions.kubernetes_resources import Resource

T = TypeVar("T")

STREAM_S = 60
"""How long one stream lasts. A connection that died without a word is noticed within that and the client's
read timeout; shorter asks the server more often."""

BETWEEN_S = 0.1
"""Pause between two streams."""

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
"""Pauses between attempts; they double."""

UNSERVED_PAUSE_S = 300.0
"""A cluster that has no such type may be given one."""

MOST_OBJECTS = 20_000
"""Objects of one kind and namespace that are followed; the others are counted. Bounds memory."""

LONGEST_LINE_BYTES = 16 * 1024 * 1024
"""Longer than any object: etcd takes 1.5 MiB of one, and JSON may be a few times as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Generic[T]):
    """Everything that there is; what is not in it is gone.

    Attributes:
        left_out: How many there are beyond those that are followed.
    """

    objects: tuple[T, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(Generic[T]):
    """An object came, or is another than before."""

    object: T


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed(Generic[T]):
    """An object is gone; this is how it was last."""

    object: T


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What goes on is not known from here on, until the next `Listed`.

    Attributes:
        again_s: Seconds until it is tried again.
        is_unserved: The cluster does not know the type: there are no such objects.
    """

    reason: str
    again_s: float
    is_unserved: bool = False


WatchEvent = Listed[T] | Changed[T] | Removed[T] | Lost


class Follower(Generic[T]):
    """Follows one kind of objects in one namespace.

    Args:
        api: The cluster.
        resource: Which kind.
        namespace: Where.
        read: Makes of an object's JSON what is kept of it; None for one that nobody needs.
        stop: Ends it, at the next event or the end of a stream.
        stream_s: How long one stream lasts.
    """

    def __init__(
        self,
        api: KubernetesApi,
        resource: Resource,
        namespace: str,
        read: Callable[[Json], T | None],
        stop: Event,
        stream_s: int = STREAM_S,
    ) -> None:
        self._api, self._resource, self._namespace = api, resource, namespace
        self._read, self._stop, self._stream_s = read, stop, stream_s
        self._what = f"watch of {resource.plural} in {namespace}"
        self._version = ""

    def events(self) -> Iterator[WatchEvent[T]]:
        """Yield what happens, for ever: whatever fails is said, and tried again."""
        pause_s = SHORTEST_PAUSE_S
        while not self._stop.is_set():
            try:
                for event in self._attempt():
                    pause_s = SHORTEST_PAUSE_S
                    yield event
                # A server that goes down may take streams and end them at once.
                self._stop.wait(BETWEEN_S)
                continue
            except UnservedTypeError as error:
                lost = Lost(reason=str(error), again_s=UNSERVED_PAUSE_S, is_unserved=True)
            except ActionError as error:
                lost = Lost(reason=str(error), again_s=_pause(error, pause_s))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            self._version = ""
            yield lost
            self._stop.wait(lost.again_s)

    def _attempt(self) -> Iterator[WatchEvent[T]]:
        """Yield the events of one list, where it is needed, and of one stream."""
        if not self._version:
            yield self._listed()
        pieces = self._api.watch(self._what, self._resource, self._namespace, self._version, self._stream_s)
        for line in _lines(self._what, pieces):
            if self._stop.is_set():
                return
            yield from self._told(line)

    def _listed(self) -> Listed[T]:
        found: list[T] = []
        left_out, after, version = 0, "", ""
        while True:
            page = self._api.page(self._what, self._resource, self._namespace, after)
            metadata = page.get("metadata") or {}
            # All pages show the state of the first one.
            version = version or str(metadata.get("resourceVersion") or "")
            for thing in page.get("items") or []:
                kept = self._read(thing)
                if kept is not None and len(found) < MOST_OBJECTS:
                    found.append(kept)
                elif kept is not None:
                    left_out += 1
            after = str(metadata.get("continue") or "")
            if not after:
                self._version = version
                return Listed(objects=tuple(found), left_out=left_out)

    def _told(self, line: bytes) -> Iterator[WatchEvent[T]]:
        try:
            event: Any = json.loads(line)
            kind, thing = event["type"], event["object"]
            if kind == "ERROR":
                raise _error(self._what, thing)
            version = str(thing["metadata"]["resourceVersion"])
        except (ValueError, TypeError, KeyError) as error:
            raise TransientActionError(f"{self._what}: the API server told no event") from error
        kept = self._read(thing) if kind != "BOOKMARK" else None
        # Only now: an object that nobody could read is not passed over.
        self._version = version
        if kept is not None:
            yield Removed(object=kept) if kind == "DELETED" else Changed(object=kept)


def _pause(error: ActionError, pause_s: float) -> float:
    """Return the seconds until the next attempt, as the server asks, or as what went wrong suggests."""
    if isinstance(error, TransientActionError):
        return max(pause_s, min(error.retry_after_s or 0.0, LONGEST_PAUSE_S))
    return LONGEST_PAUSE_S


def _lines(what: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield whole lines; a last one that was torn off is dropped, and told again by the next stream."""
    rest = bytearray()
    for piece in pieces:
        rest += piece
        if b"\n" not in piece:
            if len(rest) > LONGEST_LINE_BYTES:
                raise TransientActionError(f"{what}: a line is longer than {LONGEST_LINE_BYTES} bytes")
            continue
        *whole, last = bytes(rest).split(b"\n")
        rest = bytearray(last)
        yield from (line for line in whole if line)


def _error(what: str, status: Json) -> ActionError:
    """Return the error that a stream told instead of an event."""
    text = f"{what}: {status.get('code')} {status.get('reason', '')} {status.get('message', '')}".strip()
    return ExpiredVersionError(text) if status.get("code") == 410 else TransientActionError(text)
