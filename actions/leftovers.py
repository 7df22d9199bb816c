"""Processes that a dead executor left behind: found by what every one of them inherits, and stopped.

A run's processes carry the command's id in their environment, which also those have that made a session of
their own, as the workers of ansible-core 2.19 do. Those that threw it away are found by the session of the
recorded process. The idea is that of Jenkins's ProcessTreeKiller.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import psutil

MARK = "SUTURE_COMMAND_ID"
"""Variable that every process of a run inherits."""

_GRACE_S = 5.0
_ROUNDS = 5
# A process's start is computed from the boot time, which moves when the clock is set.
_SAME_START_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """A process, told from a later one that has its number.

    Attributes:
        pid: Its number.
        started: When it began, in seconds since 1970; 0 when it was gone before anybody looked.
    """

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "Leader":
        """Return the process that has the number now."""
        try:
            return cls(pid=pid, started=psutil.Process(pid).create_time())
        except psutil.Error:
            return cls(pid=pid, started=0)

    def is_alive(self) -> bool:
        """Return whether it still runs."""
        try:
            is_zombie = psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False
        return not is_zombie and self.is_same(Leader.of(self.pid))

    def is_same(self, other: "Leader") -> bool:
        """Return whether both are one process."""
        return self.pid == other.pid and abs(self.started - other.started) < _SAME_START_S


def stop_leftover(mark: str, leader: Leader | None, grace_s: float = _GRACE_S) -> int:
    """Stop every process of a run, asking first; return how many there were.

    Args:
        mark: The command's id.
        leader: The process that led the run; None when it was never written down.
        grace_s: Seconds between SIGTERM and SIGKILL.
    """
    stopped: set[int] = set()
    for round_ in range(_ROUNDS):
        found = list(left_over(mark, leader))
        if not found:
            break
        stopped.update(process.pid for process in found)
        for process in found:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGTERM if round_ == 0 else signal.SIGKILL)
        psutil.wait_procs(found, timeout=grace_s)
    return len(stopped)


def left_over(mark: str, leader: Leader | None) -> Iterator[psutil.Process]:
    """Return the processes of a run that live, but for this one."""
    session = _session(leader)
    for process in psutil.process_iter():
        if process.pid <= 1 or process.pid == os.getpid():
            continue
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            is_member = session is not None and os.getsid(process.pid) == session
            if is_member or process.environ().get(MARK) == mark:
                yield process
        except (psutil.Error, OSError):
            # Gone, or of another user: not ours.
            continue


def _session(leader: Leader | None) -> int | None:
    """Return the id of the run's session; None when there is none any more, or none was written down.

    While a session has members its number is given to no new process: where the number is taken by a
    process that started later, no member is left. 0 is no session: it is what everything reads as whose
    session began outside this process's namespace. Nor is this process's own ever a run's.
    """
    if leader is None or leader.pid <= 1 or leader.started == 0 or leader.pid == os.getsid(0):
        return None
    is_taken = psutil.pid_exists(leader.pid) and not Leader.of(leader.pid).is_same(leader)
    return None if is_taken else leader.pid
