"""A server that speaks chat completions, held to OpenAI's description of requests, and as bad as asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.integration.parts import CONTRACTS, give_up

Answer = Callable[[dict[str, Any]], tuple[int, Any]]
"""From a request to a status and what is answered: JSON, or bytes as they are."""

GOOD = {
    "sentences": [
        "Errors rose to 19.2 % on the canary.",
        "Stable pods of the same minutes stayed at 0.333 %, with confidence 0.9999.",
        "Without an answer nothing is changed.",
    ],
    "hypothesis": "release",
    "doubts": "Only one canary pod was seen.",
}


def completion(content: Any, **choice: Any) -> dict[str, Any]:
    """Return a completion whose message holds a content, JSON or text."""
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    message = {"role": "assistant", "content": text, "refusal": choice.pop("refusal", None)}
    if "tool_calls" in choice:
        message["tool_calls"] = choice.pop("tool_calls")
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "small-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None, **choice}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 60, "total_tokens": 360},
    }


class ModelServer:
    """What it was asked, and how it answers.

    Attributes:
        requests: Bodies, oldest first.
        violations: How requests broke OpenAI's description of them.
    """

    def __init__(self, url: str, answer: Answer) -> None:
        self.url = url
        self.answer = answer
        self.requests: list[dict[str, Any]] = []
        self.violations: list[str] = []


def _validator() -> Validator:
    if not CONTRACTS.is_dir():
        give_up(f"{CONTRACTS} is not there, expected the folder of contracts beside the repository")
    document = json.loads((CONTRACTS / "openai" / "chat-completions-subset.openapi.json").read_text())
    registry: Registry[Any] = Registry().with_resource(
        "urn:openai", Resource.from_contents(document, default_specification=DRAFT202012)
    )
    return Draft202012Validator(
        {"$ref": "urn:openai#/components/schemas/CreateChatCompletionRequest"}, registry=registry
    )


@contextmanager
def serving(answer: Answer) -> Iterator[ModelServer]:
    """Serve on a free port until the block ends; fails there when a request was none."""
    validator = _validator()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            served.requests.append(body)
            served.violations += [error.message for error in validator.iter_errors(body)]
            if self.path != "/v1/chat/completions" or not self.headers["authorization"].startswith("Bearer "):
                served.violations.append(f"{self.path} with {self.headers['authorization']}")
            status, found = served.answer(body)
            content = found if isinstance(found, bytes) else json.dumps(found).encode()
            try:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                return  # Who asked has gone.

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        served = ModelServer(f"http://127.0.0.1:{server.server_address[1]}/v1", answer)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
        assert served.violations == []
