"""Only a run's own processes are found; nothing here sends a signal to what it did not begin."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from actions.leftovers import MARK, Leader, left_over, stop_leftover
from tests.actions.local_processes import eventually

MARKED = f"leftovers-test-{os.getpid()}"
WAITING = "import signal; print(flush=True); signal.pause()"


@pytest.fixture
def leader() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a session of its own and no mark."""
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.parametrize(
    "leader",
    [
        None,
        # What the system reads as the session of everything from outside this namespace.
        Leader(pid=0, started=0),
        Leader(pid=1, started=Leader.of(1).started),
        Leader(pid=os.getsid(0), started=Leader.of(os.getsid(0)).started),
        Leader(pid=os.getpid(), started=0),
    ],
)
def test_a_run_whose_leader_is_unknown_or_nobodys_has_no_session_to_stop(leader: Leader | None) -> None:
    assert list(left_over("no command has this id", leader)) == []


def test_a_session_is_found_by_its_leader_and_not_by_a_number_that_was_given_again(
    leader: subprocess.Popen[bytes],
) -> None:
    recorded = Leader.of(leader.pid)
    assert [process.pid for process in left_over("no mark", recorded)] == [leader.pid]
    assert list(left_over("no mark", Leader(pid=leader.pid, started=recorded.started - 60))) == []
    assert recorded.is_alive()
    assert stop_leftover("no mark", recorded, grace_s=20) == 1
    leader.wait(20)
    assert not recorded.is_alive()


def test_a_process_that_made_its_own_session_is_found_by_its_mark() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING],
        stdout=subprocess.PIPE,
        env={**os.environ, MARK: MARKED},
        start_new_session=True,
    ) as process:
        eventually(lambda: [one.pid for one in left_over(MARKED, None)] == [process.pid])
        assert stop_leftover(MARKED, None, grace_s=20) == 1
        # Reaped by whoever waited first, so that its exit code may be lost.
        process.wait(20)
    assert not psutil.pid_exists(process.pid)
