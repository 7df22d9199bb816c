"""A session: the terminal, the folder, the deadline and the orderly end around a demonstration."""

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import FrameType

from rich.console import Console

from schemas.errors import SettingsError, SutureError
from streams.demo.fault import Fault
from streams.demo.plain import PlainShow
from streams.demo.scene import Scene
from streams.demo.screen import LiveShow
from streams.demo.story import Ending, Plan
from streams.demo.waiting import Patience, TooLateError
from streams.stopping import stop_flag

START_SECONDS = 240.0
"""Starting may take so long at most; at the first run, Kafka is fetched."""
STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for.

    Attributes:
        fault: What is wrong with the second release.
        seconds: Length of the baseline; the other phases follow from it.
        rate: Requests per second over all instances.
        keep: Folder to keep everything in; None for one that goes when all went well.
        live: Draw a picture that changes, where there is a terminal; otherwise lines.
    """

    fault: Fault = Fault.ERRORS
    seconds: float = 26.0
    rate: float = 80.0
    keep: Path | None = None
    live: bool = True


class Session:
    """What a demonstration runs in.

    Args:
        scene: What is shown.
        folder: Where everything is kept.
        stop: Set when somebody asks to stop.
        seconds: The hard end of the whole.
        live: Draw a picture that changes.

    Attributes:
        patience: Waits, and keeps things going meanwhile.
        chores: Called at every look: they keep things going, or raise when something is beyond that.
    """

    def __init__(self, scene: Scene, folder: Path, stop: Event, seconds: float, *, live: bool) -> None:
        self.scene, self.folder = scene, folder
        self.patience = Patience(stop, time.monotonic() + seconds, self.refresh)
        self.chores: list[Callable[[], None]] = []
        console = Console()
        is_live = live and console.is_terminal
        self._show = LiveShow(scene, console) if is_live else PlainShow(scene, sys.stdout)
        self._is_over = False
        self._show.__enter__()

    def refresh(self) -> None:
        """Keep things going and show what is new.

        Raises:
            SutureError: something ended that the demonstration cannot do without.
        """
        for chore in self.chores:
            chore()
        self.scene.listen()
        self._show.refresh()

    def curtain(self) -> None:
        """End the show; what is printed from here on stays below it."""
        if not self._is_over:
            self._is_over = True
            self.scene.listen()
            self._show.__exit__(None, None, None)


def run_session(
    scene: Scene, plan: Plan, options: Options, body: Callable[[Session, ExitStack], Ending]
) -> int:
    """Run a demonstration and stop all that it started; return the exit code.

    Args:
        scene: What is shown.
        plan: How long things may take.
        options: What the user asked for.
        body: Plays it. What it puts on the stack is stopped in any case.

    Raises:
        SettingsError: the folder to keep everything in holds something already.
    """
    stop = stop_flag()
    if hasattr(signal, "SIGHUP"):
        # A terminal that is closed must not leave anything running either.
        signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))
    seconds = START_SECONDS + plan.baseline_s + plan.settle_s + 2 * (plan.watch_s + plan.slack_s)
    folder = _folder(options.keep)
    session = Session(scene, folder, stop, seconds + plan.recovery_s, live=options.live)
    try:
        with ExitStack() as stack:
            try:
                with _alarm(seconds + plan.recovery_s):
                    problem = "; ".join(body(session, stack).problems)
            finally:
                session.curtain()
                sys.stdout.write("\nstopping everything that was started\n")
                sys.stdout.flush()
    except SutureError as error:
        if stop.is_set():
            sys.stdout.write(f"stopped as asked; logs and journal so far are in {folder}\n")
            return STOPPED
        problem = str(error)
    return _told(problem, folder, is_kept=options.keep is not None)


def _folder(keep: Path | None) -> Path:
    """Return where everything is kept.

    Raises:
        SettingsError: the folder that was asked for holds something already.
    """
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="suture-demo-"))
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise SettingsError(f"{keep} holds something already, expected a new folder or an empty one")
    return keep.resolve()


def _told(problem: str, folder: Path, *, is_kept: bool) -> int:
    """Say how it went and where everything is; return the exit code."""
    if problem:
        sys.stdout.write(f"\nFAILED: {problem}\nlogs and journal are in {folder}\n")
        return 1
    if is_kept:
        sys.stdout.write(f"kept in {folder}; ask on: suture sql --data {folder}\n")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write("all happened as it should\n")
    return 0


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """End the block by an error when it takes too long, also where it waits for something else."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TooLateError(f"the demonstration took longer than {seconds:.0f} s")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    signal.signal(signal.SIGALRM, ring)
    signal.alarm(int(seconds) + 5)
    try:
        yield
    finally:
        signal.alarm(0)
