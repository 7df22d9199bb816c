"""A program in a session of its own, with limits, a deadline and the last of what it said."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO

from actions.leftovers import MARK, Leader, stop_leftover
from schemas.redaction import redact

LAST_LINES = 20
"""Lines of a run that its outcome shows, as many as of a Job."""

_LAUNCHER = str(Path(__file__).with_name("child_launcher.py"))
_KEPT_BYTES = 64 * 1024
_GRACE_S = 5.0
_SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is run.

    Attributes:
        argv: An absolute path and its arguments; no shell reads them.
        environment: All of its variables, but for the mark that every process of a run has.
        folder: Where it runs.
        said: What it can read from its standard input.
        limits: By the names of `setrlimit`.
        timeout_s: Seconds until it is stopped.
        grace_s: Seconds between asking it to stop and killing it.
        secrets: Values that must not be shown whatever it says.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    timeout_s: float
    said: bytes = b""
    limits: Mapping[str, int] = field(default_factory=dict)
    grace_s: float = _GRACE_S
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramEnd:
    """How a program ended.

    Attributes:
        exit_code: Negative for a signal.
        is_timeout: It was stopped at its deadline.
        log_tail: Its last lines, oldest first, redacted.
    """

    exit_code: int
    is_timeout: bool
    log_tail: tuple[str, ...]


def run(program: Program, mark: str, begun: Callable[[int], None]) -> ProgramEnd:
    """Run a program to its end; when this returns, none of its processes is left.

    Args:
        program: What is run.
        mark: Id of the command that it is run for.
        begun: Told the program's process id.
    """
    spec = json.dumps({"limits": dict(program.limits), "parent": os.getpid()})
    with tempfile.TemporaryFile() as said:
        said.write(program.said)
        said.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-I", _LAUNCHER, spec, *program.argv],
            stdin=said,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=program.folder,
            env={**program.environment, MARK: mark},
            start_new_session=True,
        )
    assert process.stdout is not None, "its standard output is a pipe"
    tail = _Tail(process.stdout)
    leader = Leader.of(process.pid)
    is_timeout = False
    try:
        begun(process.pid)
        try:
            process.wait(program.timeout_s)
        except subprocess.TimeoutExpired:
            is_timeout = True
            _signal(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(program.grace_s)
    finally:
        if process.poll() is None:
            _signal(process.pid, signal.SIGKILL)
            process.wait()
        stop_leftover(mark, leader, program.grace_s)
        text = tail.text()
    lines = last_lines(text, program.secrets)
    return ProgramEnd(exit_code=process.returncode, is_timeout=is_timeout, log_tail=lines)


def last_lines(text: str, secrets: Sequence[str]) -> tuple[str, ...]:
    """Return the last lines of what a program said, without known secrets and redacted.

    >>> last_lines("order 12 failed" + chr(10) + "with open sesame", ["open sesame"])
    ('order <n> failed', 'with <secret>')
    """
    hidden = sorted(
        {
            part.strip()
            for secret in secrets
            for part in secret.splitlines()
            if len(part.strip()) >= _SHORTEST_SECRET
        },
        key=len,
        reverse=True,
    )
    shown: list[str] = []
    for line in [line for line in text.splitlines() if line.strip()][-LAST_LINES:]:
        for secret in hidden:
            line = line.replace(secret, "<secret>")
        shown.append(redact(line))
    return tuple(shown)


class _Tail:
    """Reads a pipe to its end and keeps the last of it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._kept = bytearray()
        self._is_cut = False
        self._thread = Thread(target=self._read, name="run-output", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while chunk := os.read(self._pipe.fileno(), 64 * 1024):
            self._kept += chunk
            if len(self._kept) > _KEPT_BYTES:
                self._is_cut = True
                del self._kept[:-_KEPT_BYTES]

    def text(self) -> str:
        """Return what was said last, once nobody can say more; whole lines only."""
        self._thread.join(timeout=_GRACE_S)
        if not self._thread.is_alive():
            self._pipe.close()
        text = bytes(self._kept).decode("utf-8", errors="replace")
        # Half a secret does not look like one.
        return text.partition("\n")[2] if self._is_cut else text


def _signal(leader: int, number: signal.Signals) -> None:
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return
