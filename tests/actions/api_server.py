"""A stand-in for a Kubernetes API server, over a real socket, for Deployments and their ReplicaSets.

What it gets right: a new resourceVersion with every write; 422 where a JSON patch's test does not hold;
404, 403 and 429 with a `Status`; `dryRun=All` stores nothing; generation rises when the spec changes;
the controller's part in an undo (the old ReplicaSet is used again under a new revision).
"""

import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.listening import QuietHandler, listening

Json = dict[str, Any]


class FailedTestError(Exception):
    """A JSON patch's test did not hold."""


def patched(document: Json, patch: list[Json]) -> Json:
    """Return the document after a JSON patch (RFC 6902), as far as we use it."""
    result = copy.deepcopy(document)
    for step in patch:
        keys = [key.replace("~1", "/").replace("~0", "~") for key in step["path"].split("/")[1:]]
        parent = result
        for key in keys[:-1]:
            parent = parent[key]
        match step["op"]:
            case "test":
                if parent.get(keys[-1]) != step["value"]:
                    raise FailedTestError(step["path"])
            case "add":
                parent[keys[-1]] = step["value"]
            case "replace" | "remove":
                if keys[-1] not in parent:
                    raise FailedTestError(step["path"])
                del parent[keys[-1]]
                if step["op"] == "replace":
                    parent[keys[-1]] = step["value"]
    return result


class ApiServer:
    """The state of the stand-in; a test changes it while requests come."""

    def __init__(self) -> None:
        self.deployments: dict[str, Json] = {}
        self.replica_sets: list[Json] = []
        self.requests: list[Json] = []
        self.refuse_next: list[tuple[int, Json, dict[str, str]]] = []
        self.before_patch: Callable[[], None] | None = None
        self.allowed: dict[str, bool] = {}
        self.version = 100
        self.stored = 0
        self.lock = threading.RLock()

    def write(self, key: str, changed: Json) -> None:
        """Store a Deployment as a server and its controller do."""
        before = self.deployments.get(key)
        self.version += 1
        changed["metadata"]["resourceVersion"] = str(self.version)
        if before is not None and before["spec"] != changed["spec"]:
            changed["metadata"]["generation"] += 1
        self.deployments[key] = changed
        self.stored += 1
        self._control(changed)

    def _control(self, deployment: Json) -> None:
        """Give the ReplicaSet of the wanted template the newest revision, and finish the rollout."""
        if deployment["spec"].get("paused"):
            return
        for one in self.replica_sets:
            template = copy.deepcopy(one["spec"]["template"])
            template["metadata"]["labels"].pop("pod-template-hash", None)
            if template == deployment["spec"]["template"]:
                newest = max(int(each["metadata"]["annotations"][REVISION]) for each in self.replica_sets)
                one["metadata"]["annotations"][REVISION] = str(newest + 1)
        replicas = deployment["spec"]["replicas"]
        deployment["status"] = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": replicas,
            "updatedReplicas": replicas,
            "availableReplicas": replicas,
        }


REVISION = "deployment.kubernetes.io/revision"


def a_status(code: int, reason: str, message: str) -> Json:
    return {"kind": "Status", "code": code, "reason": reason, "message": message}


@contextmanager
def served(state: ApiServer) -> Iterator[str]:
    """Serve the state; yield its address."""

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"
        # Else each answer waits 40 ms between its head and its body.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._handle(None)

        def do_PATCH(self) -> None:
            self._handle(self.rfile.read(int(self.headers["Content-Length"])))

        def do_POST(self) -> None:
            self._handle(self.rfile.read(int(self.headers["Content-Length"])))

        def _handle(self, body: bytes | None) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            sent = json.loads(body) if body else None
            request = {
                "method": self.command,
                "path": parts.path,
                "query": query,
                "content_type": self.headers.get("Content-Type"),
                "body": sent,
            }
            with state.lock:
                state.requests.append(request)
                if state.refuse_next:
                    self._answer(*state.refuse_next.pop(0))
                else:
                    self._answer(*self._respond(parts.path, query, sent))

        def _respond(self, path: str, query: dict[str, str], sent: Any) -> tuple[int, Json]:
            steps = path.strip("/").split("/")
            if path.endswith("/selfsubjectaccessreviews"):
                asked = sent["spec"]["resourceAttributes"]
                right = f"{asked['verb']} {asked['resource']}"
                return 201, {"status": {"allowed": state.allowed.get(right, False)}}
            if steps[-1] == "replicasets":
                wanted = dict(term.split("=") for term in query["labelSelector"].split(","))
                found = [
                    one for one in state.replica_sets if wanted.items() <= one["metadata"]["labels"].items()
                ]
                # Pages of two, whatever the limit: a server may.
                start = int(query.get("continue", "0"))
                more = {"continue": str(start + 2)} if start + 2 < len(found) else {}
                return 200, {"metadata": more, "items": found[start : start + 2]}
            key = f"{steps[-3]}/{steps[-1]}"
            if key not in state.deployments:
                return 404, a_status(404, "NotFound", f'deployments.apps "{steps[-1]}" not found')
            if self.command == "GET":
                return 200, state.deployments[key]
            if state.before_patch is not None:
                state.before_patch()
            if self.headers["Content-Type"] != "application/json-patch+json":
                return 415, a_status(415, "UnsupportedMediaType", "expected a JSON patch")
            try:
                changed = patched(state.deployments[key], sent)
            except FailedTestError as error:
                return 422, a_status(
                    422, "Invalid", f"the server rejected our request: test of {error} failed"
                )
            if query.get("dryRun") == "All":
                return 200, changed
            state.write(key, changed)
            return 200, changed

        def _answer(self, code: int, body: Json, headers: dict[str, str] | None = None) -> None:
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(data)

    with listening(Handler) as address:
        yield f"http://{address}"
