"""What is kept of a runbook's run: one folder a command, so that twice is once and a cut-off run is known."""

import os
import re
import shutil
import socket
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime

from actions.actuator import Progress
from actions.errors import PermanentActionError, RefusedActionError, TransientActionError
from actions.leftovers import Leader, stop_leftover
from schemas.codec import from_json, to_json
from schemas.errors import SchemaError
from schemas.keys import NO_TEMPLATE, CommandId

KEPT = timedelta(days=30)
"""How long a run's folder is kept: longer than any command lives."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A run that was begun.

    Attributes:
        name: What was run.
        at: When.
        host: Machine that it began on.
        executor: The process that began it.
        reference: What the other side calls it, such as an execution's id; "" while that is unknown.
    """

    name: str
    at: AwareDatetime
    host: str
    executor: Leader
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run's end.

    Attributes:
        is_good: Whether it did what it is for.
        detail: One sentence.
        log_tail: Its last lines, oldest first, redacted.
    """

    is_good: bool
    detail: str
    log_tail: tuple[str, ...] = ()


class RunFolder:
    """The folder of one command's run.

    Args:
        root: Folder of all of them. Executors that share commands share it, too: what one of them began
            is unknown to another that cannot see it.
        command: The command.

    Raises:
        RefusedActionError: its id is no file name.
    """

    def __init__(self, root: Path, command: CommandId) -> None:
        if not _ID.fullmatch(command):
            raise RefusedActionError("the command's id is no file name, expected letters, digits, . _ -")
        self.path = root / command
        self._command = command

    def begin(self, name: str, at: datetime) -> None:
        """Write down that the run begins; on the disk before anything is run."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        begun = Begun(name=name, at=at, host=socket.gethostname(), executor=Leader.of(os.getpid()))
        self._write("begun.json", to_json(begun))

    def refer(self, begun: Begun, reference: str) -> None:
        """Write down what the other side calls the run."""
        self._write("begun.json", to_json(replace(begun, reference=reference)))

    def forget(self) -> None:
        """Take the beginning back: it is certain that nothing was done."""
        (self.path / "begun.json").unlink(missing_ok=True)

    def lead(self, pid: int) -> None:
        """Write down which process does the run."""
        self._write("process.json", to_json(Leader.of(pid)))

    def end(self, ended: Ended) -> None:
        """Write down how the run ended."""
        self._write("ended.json", to_json(ended))

    def begun(self) -> Begun | None:
        """Return what is known of the run's beginning; None when it was not begun."""
        text = self._read("begun.json")
        return from_json(Begun, text) if text else None

    def ended(self) -> Ended | None:
        """Return how the run ended; None when it did not, or nobody knows."""
        text = self._read("ended.json")
        return from_json(Ended, text) if text else None

    def stop_what_is_left(self, begun: Begun) -> int:
        """Stop what an executor that died left running; return how many processes those were.

        Raises:
            PermanentActionError: it was begun on another machine, where nothing can be stopped from here.
            TransientActionError: the executor that began it is alive.
        """
        if begun.host != socket.gethostname():
            raise PermanentActionError(
                f"{begun.name} was begun on {begun.host} at {begun.at} and did not end: nobody knows whether "
                "it took effect"
            )
        if begun.executor.pid != os.getpid() and begun.executor.is_alive():
            raise TransientActionError(f"{begun.name}: another executor on this machine runs it")
        text = self._read("process.json")
        return stop_leftover(self._command, from_json(Leader, text) if text else None)

    def _write(self, name: str, value: bytes) -> None:
        beside = self.path / f".{name}.new"
        with beside.open("wb") as file:
            file.write(value)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path / name)

    def _read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return b""


def look(folder: RunFolder, ended: Ended | None, *, name: str, repeatable: bool) -> Progress:
    """Return how far a run of a program on this machine is.

    What an executor that died left running is stopped here: nobody waits for it or bounds it any more.

    Args:
        folder: The command's.
        ended: How it ended, as far as its files say.
        name: What is run.
        repeatable: Whether a run that was cut off may be begun again.

    Raises:
        PermanentActionError: it failed, or was cut off and must not be begun again.
        TransientActionError: another executor runs it.
    """
    if ended is not None:
        if not ended.is_good:
            raise PermanentActionError(ended.detail, ended.log_tail)
        return Progress(
            is_set=True, is_done=True, template=NO_TEMPLATE, detail=ended.detail, log_tail=ended.log_tail
        )
    begun = folder.begun()
    if begun is None:
        return Progress(is_set=False, is_done=False, template=NO_TEMPLATE, detail=f"{name} was not run")
    stopped = folder.stop_what_is_left(begun)
    left = f", {stopped} processes of it were stopped" if stopped else ""
    cut = f"{name} was begun at {begun.at} and cut off{left}: nobody knows whether it took effect"
    if not repeatable:
        folder.end(Ended(is_good=False, detail=cut))
        raise PermanentActionError(cut)
    return Progress(is_set=False, is_done=False, template=NO_TEMPLATE, detail=cut, is_begun=True)


def sweep(root: Path, now: datetime) -> int:
    """Remove the folders of runs that were begun longer ago than they are kept; return how many."""
    removed = 0
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if not _ID.fullmatch(path.name):
            continue
        try:
            begun = RunFolder(root, CommandId(path.name)).begun()
        except SchemaError:
            # Not ours, or torn: a human may want to look.
            continue
        if begun is not None and now - begun.at > KEPT:
            shutil.rmtree(path, ignore_errors=True)
            removed += 1
    return removed
