"""Real local processes for tests: a small HTTP service, the supervisor, and ways to look at them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from actions.process_files import Instance, Observed, ProcessTemplate, Workload

REPOSITORY = Path(__file__).parents[2]

SERVER = """
import os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        healthy = os.environ.get("HEALTHY", "yes") == "yes"
        self.send_response(200 if healthy else 503)
        self.end_headers()
        self.wfile.write(os.environ["SUTURE_POD"].encode())
    def log_message(self, *_):
        pass

HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def serving(version: str, healthy: bool = True) -> ProcessTemplate:
    return ProcessTemplate(
        argv=(sys.executable, "-c", SERVER),
        env={"VERSION": version, "HEALTHY": "yes" if healthy else "no"},
    )


T = TypeVar("T")


def eventually(look: Callable[[], T], within_s: float = 20.0) -> T:
    """Return the first truthy answer; waits on an event that never comes, so that it is bounded."""
    never = threading.Event()
    for _ in range(int(within_s / 0.02)):
        found = look()
        if found:
            return found
        never.wait(0.02)
    raise AssertionError(f"not within {within_s} s; last seen: {look()!r}")


class SupervisorProgram:
    """The real supervisor as a program of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "actions.supervisor", str(self.root)], cwd=REPOSITORY
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


def ready(workload: Workload) -> tuple[Instance, ...]:
    observed: Observed | None = workload.observed()
    return tuple(one for one in observed.instances if one.ready) if observed else ()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return not (status.exists() and "State:\tZ" in status.read_text())
