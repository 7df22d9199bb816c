"""A small kubelet for local processes: makes what runs what `desired.json` says, and keeps it so.

    python -m actions.supervisor DIR

Restarts what ends by itself, later each time. Ends its instances on SIGTERM and SIGINT; when it is
killed, the kernel kills them (Linux), and the next supervisor what is left.
"""

import argparse
import fcntl
import logging
import os
import signal
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import FrameType

from actions.process_files import Desired, Observed, ProcessTemplate, Workload, workloads
from actions.supervised import Supervised, kill_left_behind, probe
from schemas.errors import SchemaError, SutureError
from schemas.keys import TemplateHash

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1
PROBE_EVERY_S = 0.25
FIRST_BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 10.0
STEADY_AFTER_S = 10.0
"""An instance that was ready so long starts over with the first backoff."""
HANDOVER_S = 15.0
"""Old instances wait so long for the first ready new one before they end."""


class SupervisedWorkload:
    """The instances of one workload.

    Args:
        workload: Its files.
        probes: Threads that ask instances whether they are ready.
    """

    def __init__(self, workload: Workload, probes: ThreadPoolExecutor) -> None:
        self._workload = workload
        self._probes = probes
        self._running: dict[str, Supervised] = {}
        self._restarts: dict[str, int] = {}
        self._not_before_s: dict[str, float] = {}
        self._asked: dict[str, Future[bool]] = {}
        self._asked_s: dict[str, float] = {}
        self._templates: dict[TemplateHash, ProcessTemplate] = {}
        self._generation = 0
        self._changed_s = 0.0
        self._reported: Observed | None = None
        self._problem = ""
        self._unstartable: dict[str, str] = {}
        before = workload.observed()
        if before is not None:
            kill_left_behind(before.instances)

    def look(self, now_s: float) -> None:
        """Take one step from what runs to what should run, and report."""
        self._reap(now_s)
        self._probe(now_s)
        try:
            desired = self._workload.desired()
            wanted = self._wanted(desired) if desired else {}
            self._say_problem("; ".join(self._unstartable.values()))
        except (SutureError, ValueError, OSError) as error:
            # What runs goes on running: a broken file is no order to end anything.
            self._say_problem(f"desired.json of {self._workload.name} cannot be followed: {error}")
            self._report()
            return
        if desired is not None and desired.generation != self._generation:
            self._generation = desired.generation
            self._changed_s = now_s
        self._start(wanted, now_s)
        self._end(wanted, now_s)
        self._report()

    def end_all(self, now_s: float) -> bool:
        """Ask every instance to end; return whether all are gone."""
        self._reap(now_s)
        for instance in self._running.values():
            instance.end(now_s)
        self._report()
        return not self._running

    def kill_all(self) -> None:
        """Kill every instance."""
        for instance in self._running.values():
            instance.kill()
        self._running.clear()
        self._report()

    def _wanted(self, desired: Desired) -> dict[str, tuple[int, TemplateHash]]:
        """Return the names that should run, with index and template.

        Raises:
            SutureError: a template is missing or unreadable.
        """
        wanted = {}
        for name, count in desired.counts().items():
            if name not in self._templates:
                template = self._workload.template(name)
                if template is None:
                    raise SchemaError(f"template {name} is missing")
                self._templates[name] = template
            for index in range(count):
                wanted[f"{self._workload.name}-{name}-{index}"] = (index, name)
        return wanted

    def _reap(self, now_s: float) -> None:
        for pod, instance in list(self._running.items()):
            code = instance.exit_code()
            if code is None:
                continue
            del self._running[pod]
            self._asked.pop(pod, None)
            if instance.ending_since_s is not None:
                self._restarts.pop(pod, None)
                continue
            steady = instance.ready_since_s is not None and now_s - instance.ready_since_s >= STEADY_AFTER_S
            restarts = 1 if steady else self._restarts.get(pod, 0) + 1
            self._restarts[pod] = restarts
            wait_s = min(FIRST_BACKOFF_S * 2 ** min(restarts - 1, 16), LONGEST_BACKOFF_S)
            self._not_before_s[pod] = now_s + wait_s
            logger.warning("instance ended", extra={"pod": pod, "code": code, "restart_in_s": wait_s})

    def _probe(self, now_s: float) -> None:
        for pod, instance in self._running.items():
            asked = self._asked.get(pod)
            if asked is not None:
                if not asked.done():
                    continue
                instance.saw(asked.result(), now_s)
                del self._asked[pod]
            elif now_s - self._asked_s.get(pod, 0.0) >= PROBE_EVERY_S and instance.ending_since_s is None:
                self._asked_s[pod] = now_s
                self._asked[pod] = self._probes.submit(probe, instance.port, instance.health_path)

    def _start(self, wanted: dict[str, tuple[int, TemplateHash]], now_s: float) -> None:
        for pod, (index, name) in wanted.items():
            # A name that is still ending starts again when it is gone.
            if pod in self._running or now_s < self._not_before_s.get(pod, 0.0):
                continue
            try:
                self._running[pod] = Supervised(
                    index=index,
                    pod=pod,
                    name=name,
                    template=self._templates[name],
                    log=self._workload.folder / "logs" / f"{pod}.log",
                    restarts=self._restarts.get(pod, 0),
                    now_s=now_s,
                )
            except OSError as error:
                self._restarts[pod] = self._restarts.get(pod, 0) + 1
                self._not_before_s[pod] = now_s + LONGEST_BACKOFF_S
                self._unstartable[pod] = f"{pod} cannot be started: {error}"
            else:
                self._unstartable.pop(pod, None)

    def _end(self, wanted: dict[str, tuple[int, TemplateHash]], now_s: float) -> None:
        can_serve = not wanted or any(
            instance.is_ready for pod, instance in self._running.items() if pod in wanted
        )
        if not can_serve and now_s - self._changed_s < HANDOVER_S:
            return
        for pod, instance in self._running.items():
            if pod not in wanted:
                instance.end(now_s)

    def _say_problem(self, problem: str) -> None:
        if problem and problem != self._problem:
            logger.error("workload cannot be run", extra={"problem": problem})
        self._problem = problem

    def _report(self) -> None:
        observed = Observed(
            generation=self._generation,
            supervisor_pid=os.getpid(),
            instances=tuple(instance.told() for instance in self._running.values()),
            problem=self._problem,
        )
        if observed != self._reported:
            self._workload.report(observed)
            self._reported = observed


def supervise(root: Path, stop: Event) -> None:
    """Run every workload under a folder until told to stop; then end all of them.

    Raises:
        SutureError: another supervisor runs this folder.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / "supervisor.lock").open("w") as lock, ThreadPoolExecutor(8) as probes:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SutureError(f"another supervisor runs {root}") from error
        running: dict[Workload, SupervisedWorkload] = {}
        try:
            while not stop.is_set():
                for workload in workloads(root):
                    if workload not in running:
                        running[workload] = SupervisedWorkload(workload, probes)
                    running[workload].look(time.monotonic())
                stop.wait(LOOK_EVERY_S)
            # Every workload is asked before the first one is waited for.
            while sum(not one.end_all(time.monotonic()) for one in running.values()):
                time.sleep(LOOK_EVERY_S / 2)
        finally:
            for one in running.values():
                one.kill_all()


def main(arguments: list[str] | None = None) -> int:
    """Run the supervisor from the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m actions.supervisor", description="Run local workloads")
    parser.add_argument("dir", type=Path, help="folder of the workloads")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    try:
        supervise(options.dir.resolve(), stop)
    except SutureError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
