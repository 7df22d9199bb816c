"""Everything in one process tree on this machine: the parts as children, restarted when they die."""

import base64
import hashlib
import logging
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from streams.kafka_log import create_topics
from streams.local_broker import broker_for
from streams.notifier_sinks import configured_sinks
from streams.settings import Settings, environment_of
from streams.stopping import stop_flag

logger = logging.getLogger("suture.up")

PARTS: Mapping[str, list[str]] = {
    "judge": ["worker", "--role=judge"],
    "gate": ["worker", "--role=gate"],
    "executor": ["executor"],
    "journal": ["journal"],
    "gateway": ["gateway"],
}

_STOP_SECONDS = 15
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(slots=True, kw_only=True)
class _Child:
    """One part's process.

    Attributes:
        started: When it was started, on the monotonic clock.
        restarts: How often it died, lately.
        due: When it may be started again.
    """

    name: str
    arguments: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restarts: int = 0
    due: float = 0.0


class ProcessTree:
    """Runs the parts as children of this process, and starts again what dies.

    Args:
        settings: Given to every child through its environment.
        parts: Name to the arguments of `suture`.
        log: Where children write their logs; this process's standard error when None.
    """

    def __init__(self, settings: Settings, parts: Mapping[str, list[str]], log: Path | None = None) -> None:
        self._environment = {**os.environ, **environment_of(settings), "PYTHONUNBUFFERED": "1"}
        self._children = [_Child(name=name, arguments=list(arguments)) for name, arguments in parts.items()]
        self._log = log
        self._instance = settings.instance or _instance_of(settings)
        self.restarts = 0

    def start(self) -> None:
        """Start every child."""
        for child in self._children:
            self._start(child)

    def tend(self) -> None:
        """Start again what died; one that keeps dying is given ever longer pauses."""
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.due:
                    self._start(child)
                continue
            code = child.process.poll()
            if code is None:
                continue
            if now - child.started > _LONGEST_PAUSE_SECONDS:
                child.restarts = 0
            pause = min(0.5 * 2**child.restarts, _LONGEST_PAUSE_SECONDS)
            child.restarts += 1
            self.restarts += 1
            child.process, child.due = None, now + pause
            logger.error("part died", extra={"part": child.name, "code": code, "again_in_s": pause})

    def pid(self, name: str) -> int | None:
        """Return the process id of a part; None while it is down."""
        for child in self._children:
            if child.name == name and child.process is not None:
                return child.process.pid
        return None

    def stop(self) -> None:
        """Ask every child to stop, wait, and kill what does not."""
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, child: _Child) -> None:
        with ExitStack() as stack:
            stderr = stack.enter_context(self._log.open("ab")) if self._log else None
            child.process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", *child.arguments],
                env={
                    **self._environment,
                    "SUTURE_INSTANCE": f"{self._instance}-{child.name}",
                    "SUTURE_PARENT": str(os.getpid()),
                },
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
        child.started = time.monotonic()


def _instance_of(settings: Settings) -> str:
    """Return a name of this tree that outlives it: the machine and the folder of its data."""
    folder = hashlib.sha256(str(settings.data.resolve()).encode()).hexdigest()[:8]
    return f"{socket.gethostname()}-{folder}"


def run_parts(settings: Settings, parts: Mapping[str, list[str]]) -> int:
    """Run some parts until told to stop; return the exit code."""
    stop = stop_flag()
    tree = ProcessTree(settings, parts)
    tree.start()
    try:
        while not stop.wait(0.5):
            tree.tend()
    finally:
        tree.stop()
    return 0


def run_everything(settings: Settings, data: Path | None) -> int:
    """Run all parts, with a broker where none is given, until told to stop; return the exit code."""
    if data is not None:
        settings = replace(settings, data=data)
    settings = with_secrets(settings)
    with broker_for(settings) as connected:
        create_topics(connected.bootstrap, connected.prefix, connected.replication)
        sys.stderr.write(
            f"suture is up: Kafka {connected.bootstrap}, gateway http://{connected.listen}, "
            f"journal {connected.journal}\nsigning keys and tokens: {connected.data / 'secrets'}\n"
            "stop with Ctrl-C\n"
        )
        return run_parts(connected, parts_of(connected))


def parts_of(settings: Settings) -> Mapping[str, list[str]]:
    """Return the parts of an installation: watcher, puller and notifier where there is work for them."""
    watcher = {"watcher": ["watcher"]} if settings.watch else {}
    notifier = {"notifier": ["notifier"]} if configured_sinks(settings) else {}
    puller = {"puller": ["puller"]} if settings.pull else {}
    archive = {"archive": ["archive"]} if settings.archive.keep else {}
    learner = {"learner": ["learner"]} if settings.learner.is_on else {}
    return {**PARTS, **archive, **learner, **watcher, **puller, **notifier}


def with_secrets(settings: Settings) -> Settings:
    """Return settings with signing keys and a token; what was not given is made once and kept in a file."""
    folder = settings.data / "secrets"
    return replace(
        settings,
        keys=settings.keys or _kept(folder / "keys", lambda: f"local:{_random_key()}"),
        tokens=settings.tokens or _kept(folder / "tokens", lambda: f"local:{secrets.token_urlsafe(24)}"),
    )


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _kept(file: Path, make: Callable[[], str]) -> str:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(make())
    return file.read_text(encoding="utf-8").strip()
