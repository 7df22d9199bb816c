from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.dev import processes
from infra.dev.processes import Process
from infra.dev.waiting import wait_until


@pytest.fixture
def waiter(tmp_path: Path) -> Iterator[Process]:
    process = processes.spawn(
        ["sleep", "600"], log=tmp_path / "log", env={"SUTURE_TEST_MARK": str(tmp_path)}, cwd=tmp_path
    )
    yield process
    processes.stop(process)


def test_a_stopped_process_is_gone_when_stop_returns(waiter: Process) -> None:
    processes.stop(waiter)
    assert not waiter.is_alive
    processes.stop(waiter)


def test_a_signal_for_an_earlier_owner_of_an_id_reaches_nobody(waiter: Process) -> None:
    earlier = replace(waiter, started="an earlier start")
    assert not earlier.is_alive
    processes.send(earlier, signal.SIGKILL)
    processes.stop(earlier)
    assert waiter.is_alive


def test_a_process_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    stubborn = processes.spawn(
        ["sh", "-c", f"trap '' TERM; touch {ready}; while :; do sleep 1; done"],
        log=tmp_path / "log",
        env={},
        cwd=tmp_path,
    )
    wait_until(ready.exists, deadline_s=30, what="trap")
    processes.stop(stubborn, grace_s=0.1)
    assert not stubborn.is_alive


LEAVES_A_THREAD = """
import ctypes, platform, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="threads are counted on Linux only")
def test_a_process_lives_as_long_as_one_of_its_threads(tmp_path: Path) -> None:
    process = processes.spawn(
        [sys.executable, "-c", LEAVES_A_THREAD], log=tmp_path / "log", env={}, cwd=tmp_path
    )
    stat = Path(f"/proc/{process.pid}/stat")
    wait_until(lambda: ") Z " in stat.read_text(), deadline_s=30, what="end of the first thread")
    assert process.is_alive
    processes.send(process, signal.SIGKILL)
    wait_until(lambda: not process.is_alive, deadline_s=30, what="end of the last thread")


def test_a_process_is_found_by_the_mark_in_its_environment(waiter: Process, tmp_path: Path) -> None:
    # In the middle of becoming another program a process shows no environment for a moment.
    wait_until(
        lambda: list(processes.marked_with("SUTURE_TEST_MARK", str(tmp_path))) == [waiter],
        deadline_s=30.0,
        what="the mark of the process",
    )
    assert list(processes.marked_with("SUTURE_TEST_MARK", f"{tmp_path}-other")) == []


def test_children_are_listed_below_their_parent(waiter: Process) -> None:
    me = processes.identify(os.getpid())
    assert me is not None
    assert waiter in processes.children_of(me)


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        processes.spawn(["no-such-program"], log=tmp_path / "log", env={}, cwd=tmp_path)
