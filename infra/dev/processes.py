"""Processes that outlive their starter, known by id *and* start time.

A process id alone is not an identity: the system gives it to the next program once it is free. Every
signal sent here goes to the process that was recorded, or to nobody.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.dev.waiting import wait_until

__all__ = ["Process", "children_of", "identify", "marked_with", "send", "spawn", "stop"]

# Held so that a child that ended is collected and does not stay behind as a zombie of this process.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process: its id, and when it started as the system writes it."""

    pid: int
    started: str

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs; a zombie does not, nor does a later owner of its id."""
        child = _children.get(self.pid)
        if child is not None and child.poll() is not None:
            del _children[self.pid]
        return _start_time(self.pid) == self.started


def identify(pid: int) -> Process | None:
    """Return the process that has this id now, or None when there is none."""
    started = _start_time(pid)
    return None if started is None else Process(pid=pid, started=started)


def spawn(argv: Sequence[str], *, log: Path, env: Mapping[str, str], cwd: Path) -> Process:
    """Start a program in a session of its own, with its output appended to `log`.

    Raises:
        FileNotFoundError: There is no such program.
        ChildProcessError: It ended before it could be looked at.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env},
            cwd=cwd,
            start_new_session=True,
        )
    _children[child.pid] = child
    process = identify(child.pid)
    if process is None:
        raise ChildProcessError(f"{argv[0]} ended at once with status {child.wait()}, its output is in {log}")
    return process


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal to the recorded process; do nothing when it is gone."""
    if not hasattr(os, "pidfd_open"):
        if process.is_alive:
            os.kill(process.pid, number)
        return
    try:
        # The descriptor is opened first: from there on the id cannot change hands under us.
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if process.is_alive:
            signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def stop(process: Process, *, grace_s: float = 15.0, what: str = "process") -> None:
    """Ask the process to end, insist after `grace_s`, and return once it is gone."""
    send(process, signal.SIGTERM)
    try:
        wait_until(lambda: not process.is_alive, deadline_s=grace_s, what=f"end of {what}")
    except TimeoutError:
        send(process, signal.SIGKILL)
        wait_until(lambda: not process.is_alive, deadline_s=30.0, what=f"end of {what} after SIGKILL")


def marked_with(variable: str, value: str) -> Iterator[Process]:
    """Yield the processes whose environment holds `variable=value`; on Linux only, as root all of them."""
    needle = f"{variable}={value}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            found = needle in entry.read_bytes().split(b"\0")
        except OSError:
            continue
        process = identify(int(entry.parent.name)) if found else None
        if process is not None:
            yield process


def children_of(process: Process) -> list[Process]:
    """Return the processes below this one, parents before children; on Linux only."""
    try:
        names = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    except OSError:
        return []
    direct = [child for name in names if (child := identify(int(name))) is not None]
    return [one for child in direct for one in (child, *children_of(child))]


def _start_time(pid: int) -> str | None:
    if platform.system() == "Linux":
        try:
            # The program's name stands in parentheses and may hold any character, so count from its end.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        state, threads, ticks = fields[0], int(fields[17]), fields[19]
        # A killed process is a zombie by its first thread while others still hold its ports and files.
        is_gone = state == "X" or (state == "Z" and threads <= 1)
        # Ticks count from the boot, so two boots may show the same pair.
        return None if is_gone else f"{_boot()}-{ticks}"
    listing = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = listing.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else " ".join(started.split())


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
