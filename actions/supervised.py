"""One supervised process: start it, ask whether it is ready, end it, never leave it behind."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil

from actions.process_files import Instance, ProcessTemplate
from schemas.keys import TemplateHash

logger = logging.getLogger(__name__)

PROBE_TIMEOUT_S = 1.0
END_GRACE_S = 5.0
"""Seconds between asking a process to end and killing it."""

_LOG_BYTES_MAX = 5_000_000

# The child asks the kernel to be killed when its parent dies, checks that this has not happened yet,
# and becomes the program. A program of its own, and no preexec_fn, which is unsafe beside threads.
_TETHER = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None, use_errno=True).prctl(1, 9, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]}: {error}")
"""


class Supervised:
    """A process of one instance, in a session of its own, tethered to this process.

    Must be started by the main thread: Linux ties the tether to the thread that forked.

    Args:
        pod: Name of the instance.
        log: File that its output goes to.
    """

    def __init__(
        self,
        *,
        index: int,
        pod: str,
        name: TemplateHash,
        template: ProcessTemplate,
        log: Path,
        restarts: int,
        now_s: float,
    ) -> None:
        self.index = index
        self.pod = pod
        self.template = name
        self.restarts = restarts
        self.is_ready = False
        self.ready_since_s: float | None = None
        self.started_s = now_s
        self.ending_since_s: float | None = None
        self.port = _free_port()
        self.health_path = template.health_path
        log.parent.mkdir(parents=True, exist_ok=True)
        mode = "wb" if log.exists() and log.stat().st_size > _LOG_BYTES_MAX else "ab"
        environment = {
            **os.environ,
            **template.env,
            "PORT": str(self.port),
            "SUTURE_TEMPLATE": name,
            "SUTURE_POD": pod,
        }
        with log.open(mode) as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid()), *template.argv],
                env=environment,
                cwd=template.cwd or None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Return the process id, which is also the id of its process group."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return how it ended; None while it runs. What it left of its group is killed then."""
        code = self._process.poll()
        if code is not None:
            self._signal(signal.SIGKILL)
        return code

    def end(self, now_s: float) -> None:
        """Ask it to end; kill it when it was asked long ago."""
        if self.ending_since_s is None:
            self.ending_since_s = now_s
            self.is_ready = False
            self._signal(signal.SIGTERM)
        elif now_s - self.ending_since_s >= END_GRACE_S:
            self._signal(signal.SIGKILL)

    def kill(self) -> None:
        """Kill it and everything in its group, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def saw(self, is_ready: bool, now_s: float) -> None:
        """Take a probe's result."""
        if is_ready and not self.is_ready:
            self.ready_since_s = now_s
        self.is_ready = is_ready and self.ending_since_s is None

    def told(self) -> Instance:
        """Return it as a value."""
        return Instance(
            index=self.index,
            pod=self.pod,
            template=self.template,
            pid=self.pid,
            port=self.port,
            ready=self.is_ready,
            restarts=self.restarts,
        )

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def probe(port: int, path: str) -> bool:
    """Return whether an instance says that it is ready."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def kill_left_behind(instances: tuple[Instance, ...]) -> None:
    """Kill what an earlier supervisor left, where the kernel did not: told by the name in its environment."""
    for instance in instances:
        try:
            process = psutil.Process(instance.pid)
            is_ours = process.environ().get("SUTURE_POD") == instance.pod
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if is_ours:
            logger.warning("killing an instance left behind", extra={"pod": instance.pod})
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(instance.pid, signal.SIGKILL)


def _free_port() -> int:
    """Return a port that was free a moment ago; an instance that loses the race ends and gets another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
