"""Following objects over a real socket: lists, streams that end, tear or expire, and nothing missed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from kubernetes import client

from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_resources import PODS, ROLLOUTS
from actions.kubernetes_watch import MOST_OBJECTS, Changed, Follower, Listed, Lost, Removed
from tests.listening import QuietHandler, listening

Json = dict[str, Any]
TORN = "(torn)"


def pod(name: str, version: int) -> Json:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def event(kind: str, name: str, version: int) -> str:
    return json.dumps({"type": kind, "object": pod(name, version)}) + "\n"


EXPIRED = json.dumps(
    {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
)


class Impatient(Event):
    """Pauses take no time; how long they would be is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0.0)
        return self.is_set()


class Cluster:
    """Answers lists and watches as it is told to, in turn.

    Attributes:
        lists: Pages, or a status with a `code`.
        streams: Lines of each stream, or a status; nothing more to say ends the test's patience.
        asked: Queries of the watches, in order.
    """

    def __init__(self) -> None:
        self.lists: list[Json] = []
        self.streams: list[list[str] | Json] = []
        self.asked: list[dict[str, str]] = []
        self.pages: list[dict[str, str]] = []


@contextmanager
def served(state: Cluster) -> Iterator[KubernetesApi]:
    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
            if query.get("watch") == "true":
                state.asked.append(query)
                self._stream(state.streams.pop(0) if state.streams else [])
            else:
                state.pages.append(query)
                self._whole(state.lists.pop(0) if len(state.lists) > 1 else state.lists[0])

        def _whole(self, answer: Json) -> None:
            data = json.dumps(answer).encode()
            self.send_response(int(answer.get("code", 200)))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, lines: list[str] | Json) -> None:
            if isinstance(lines, dict):
                self._whole(lines)
                return
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for line in lines:
                if line == TORN:
                    self.close_connection = True
                    self.connection.shutdown(2)
                    return
                data = line.encode()
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")

    with listening(Handler) as address:
        settings = client.Configuration()
        settings.host = f"http://{address}"
        yield KubernetesApi(settings)


def name_of(thing: Json) -> str:
    return str(thing["metadata"]["name"])


def followed(state: Cluster, is_enough: Callable[[list[Any]], bool], stop: Event | None = None) -> list[Any]:
    """Return the events up to where they are enough."""
    found: list[Any] = []
    stop = stop or Impatient()
    with served(state) as api:
        for told in Follower(api, PODS, "shop", name_of, stop).events():
            found.append(told)
            if is_enough(found):
                stop.set()
                break
    return found


def test_everything_is_listed_page_by_page_and_then_told_change_by_change() -> None:
    state = Cluster()
    state.lists = [
        {"metadata": {"resourceVersion": "7", "continue": "next"}, "items": [pod("a", 1)]},
        {"metadata": {"resourceVersion": "7"}, "items": [pod("b", 2)]},
    ]
    state.streams = [[event("ADDED", "c", 8), event("MODIFIED", "c", 9) + event("DELETED", "c", 10)]]
    found = followed(state, lambda events: len(events) == 4)
    assert found == [
        Listed(objects=("a", "b")),
        Changed(object="c"),
        Changed(object="c"),
        Removed(object="c"),
    ]
    assert state.pages[1]["continue"] == "next"
    assert (state.asked[0]["resourceVersion"], state.asked[0]["allowWatchBookmarks"]) == ("7", "true")


def test_a_stream_that_ends_goes_on_from_the_last_version_bookmarks_included() -> None:
    state = Cluster()
    state.lists = [{"metadata": {"resourceVersion": "7"}, "items": []}]
    state.streams = [[event("ADDED", "a", 8), event("BOOKMARK", "", 20)], [], [event("ADDED", "b", 21)]]
    found = followed(state, lambda events: Changed(object="b") in events)
    assert found == [Listed(objects=()), Changed(object="a"), Changed(object="b")]
    assert [query["resourceVersion"] for query in state.asked] == ["7", "20", "20"]
    assert len(state.pages) == 1


def test_a_line_that_comes_in_pieces_is_one_event() -> None:
    state = Cluster()
    state.lists = [{"metadata": {"resourceVersion": "7"}, "items": []}]
    line = event("ADDED", "a", 8)
    state.streams = [[line[:9], line[9:40], line[40:]]]
    assert followed(state, lambda events: len(events) == 2)[-1] == Changed(object="a")


@pytest.mark.parametrize(
    "broken",
    [
        [EXPIRED + "\n"],
        {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"},
        [event("ADDED", "a", 8)[:30], TORN],
        ["no JSON\n"],
        ['{"type": "ADDED"}\n'],
        {"kind": "Status", "code": 500, "reason": "InternalError", "message": "etcd is gone"},
        {"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no right"},
    ],
)
def test_whatever_breaks_is_said_and_everything_is_listed_anew(broken: list[str] | Json) -> None:
    state = Cluster()
    state.lists = [
        {"metadata": {"resourceVersion": "7"}, "items": [pod("a", 1)]},
        {"metadata": {"resourceVersion": "30"}, "items": [pod("b", 29)]},
    ]
    state.streams = [broken, [event("ADDED", "c", 31)]]
    found = followed(state, lambda events: Changed(object="c") in events)
    assert [type(one) for one in found] == [Listed, Lost, Listed, Changed]
    assert found[2] == Listed(objects=("b",))
    assert "watch of pods in shop" in found[1].reason
    assert [query["resourceVersion"] for query in state.asked] == ["7", "30"]


def test_pauses_grow_while_a_server_stays_away_and_are_short_again_afterwards() -> None:
    stop = Impatient()
    state = Cluster()
    down = {"kind": "Status", "code": 503, "reason": "ServiceUnavailable", "message": "starting"}
    state.lists = [down] * 7 + [{"metadata": {"resourceVersion": "7"}, "items": []}]
    state.streams = [down]
    found = followed(state, lambda events: sum(isinstance(one, Lost) for one in events) == 8, stop)
    assert [one.again_s for one in found if isinstance(one, Lost)] == [1, 2, 4, 8, 16, 30, 30, 1]
    assert stop.pauses[:7] == [1, 2, 4, 8, 16, 30, 30]


def test_a_type_that_the_cluster_does_not_serve_is_asked_for_again_now_and_then() -> None:
    stop, found = Impatient(), []
    with served_without_types() as api:
        for told in Follower(api, ROLLOUTS, "shop", name_of, stop).events():
            found.append(told)
            if len(found) == 2:
                break
    assert all(isinstance(one, Lost) and one.is_unserved for one in found)
    assert stop.pauses == [300]


@contextmanager
def served_without_types() -> Iterator[KubernetesApi]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.end_headers()
            self.wfile.write(b"404 page not found\n")

    with listening(Handler) as address:
        settings = client.Configuration()
        settings.host = f"http://{address}"
        yield KubernetesApi(settings)


def test_objects_beyond_what_is_followed_are_counted() -> None:
    state = Cluster()
    many = [pod(f"p{number}", number) for number in range(MOST_OBJECTS + 3)]
    state.lists = [{"metadata": {"resourceVersion": "7"}, "items": many}]
    (listed,) = followed(state, lambda events: len(events) == 1)
    assert (len(listed.objects), listed.left_out) == (MOST_OBJECTS, 3)
