"""A stand-in for a Kubernetes API server, over a real socket, that keeps any objects by their path.

What it gets right: a new resourceVersion with every write; 409 where a merge patch or a deletion names
another one than stands there; 422 where a JSON patch's test does not hold; 409 AlreadyExists; 404;
`dryRun=All` in a query and, for a deletion, in its body. It has no controllers.
"""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.actions.api_server import FailedTestError, Json, a_status, patched
from tests.listening import QuietHandler, listening


def merged(document: Any, patch: Any) -> Any:
    """Return the document after a merge patch (RFC 7396), with a strategic one's `$patch: replace`."""
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


class ObjectServer:
    """The state of the stand-in.

    Attributes:
        objects: By path.
        lists: Items by path, for what is only listed.
        requests: What came, oldest first.
        refuse_next: Answers to give instead of the next ones.
        logs: Text by path.
        unserved: Beginnings of paths of types that are not there.
        lost: Which request's answer gets lost, counted from 0; what it asked for is done all the same.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.lists: dict[str, list[Json]] = {}
        self.requests: list[Json] = []
        self.refuse_next: list[tuple[int, Json]] = []
        self.logs: dict[str, str] = {}
        self.version = 100
        self.lost: int | None = None
        self.unserved: list[str] = []

    def writes(self) -> list[Json]:
        """Return the requests that were no reading."""
        return [request for request in self.requests if request["method"] != "GET"]

    def answer(self, method: str, path: str, query: dict[str, str], kind: str, body: Any) -> tuple[int, Any]:
        """Return status and body of an answer."""
        if self.refuse_next:
            return self.refuse_next.pop(0)
        if path in self.logs:
            return 200, self.logs[path]
        if any(path.startswith(root) for root in self.unserved):
            return 404, "404 page not found"
        if method == "POST":
            return self._create(f"{path}/{body['metadata']['name']}", query, body)
        if method == "GET" and path not in self.objects and path.rpartition("/")[2].endswith("s"):
            here = [one for place, one in self.objects.items() if place.rpartition("/")[0] == path]
            return 200, {"metadata": {}, "items": self.lists.get(path, here)}
        owner = path.removesuffix("/scale").removesuffix("/status")
        if owner not in self.objects:
            return 404, a_status(404, "NotFound", f"{path} not found")
        found = self.objects[owner]
        if method == "GET":
            return 200, found
        wanted = (body.get("preconditions") or body.get("metadata") or {}) if isinstance(body, dict) else {}
        said = {key: wanted[key] for key in ("uid", "resourceVersion") if key in wanted}
        if any(found["metadata"].get(key) != value for key, value in said.items()):
            return 409, a_status(409, "Conflict", "the object has been modified")
        if method == "DELETE":
            if body.get("dryRun") != ["All"]:
                del self.objects[owner]
            return 200, found
        try:
            changed = patched(found, body) if kind == "application/json-patch+json" else merged(found, body)
        except FailedTestError as error:
            return 422, a_status(422, "Invalid", f"test of {error} failed")
        if query.get("dryRun") != "All":
            self.version += 1
            changed["metadata"] = {**changed["metadata"], "resourceVersion": str(self.version)}
            self.objects[owner] = changed
        return 200, changed

    def _create(self, path: str, query: dict[str, str], body: Json) -> tuple[int, Json]:
        if path in self.objects:
            return 409, a_status(409, "AlreadyExists", f"{path} already exists")
        if query.get("dryRun") != "All":
            self.objects[path] = copy.deepcopy(body)
        return 201, body


@contextmanager
def objects_served(state: ObjectServer) -> Iterator[str]:
    """Serve the state; yield its address."""

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"
        # Else each answer waits 40 ms between its head and its body.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._handle()

        def do_PATCH(self) -> None:
            self._handle()

        def do_POST(self) -> None:
            self._handle()

        def do_DELETE(self) -> None:
            self._handle()

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            kind = self.headers.get("Content-Type") or ""
            state.requests.append(
                {
                    "method": self.command,
                    "path": parts.path,
                    "query": query,
                    "content_type": kind,
                    "body": body,
                }
            )
            code, answer = state.answer(self.command, parts.path, query, kind, body)
            if len(state.requests) - 1 == state.lost:
                code, answer = 504, a_status(504, "Timeout", "the answer was lost")
            data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with listening(Handler) as address:
        yield f"http://{address}"
