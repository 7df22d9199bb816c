"""The ledger: what became of each command, so that one delivered twice is carried out once."""

import os
from collections import OrderedDict
from pathlib import Path
from typing import Protocol

from schemas.codec import from_json, to_json
from schemas.errors import SchemaError
from schemas.keys import CommandId
from schemas.orders import Outcome


class Ledger(Protocol):
    """Remembers outcomes by command."""

    def outcome(self, command: CommandId) -> Outcome | None:
        """Return the outcome of a command that ended, or None."""

    def record(self, outcome: Outcome) -> None:
        """Remember an outcome; one that is there already stays."""


class MemoryLedger:
    """A ledger for as long as the process lives.

    It need not survive: a command's target is absolute, so one that comes again after a restart finds
    its work done. It spares the question, and gives a refused command the same answer again.

    Args:
        limit: Outcomes to remember; the oldest is forgotten first.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._outcomes: OrderedDict[CommandId, Outcome] = OrderedDict()
        self._limit = limit

    def outcome(self, command: CommandId) -> Outcome | None:
        """Return the outcome of a command that ended, or None."""
        return self._outcomes.get(command)

    def record(self, outcome: Outcome) -> None:
        """Remember an outcome; one that is there already stays."""
        self._outcomes.setdefault(outcome.command, outcome)
        while len(self._outcomes) > self._limit:
            self._outcomes.popitem(last=False)


class FileLedger:
    """A ledger in a file of JSON lines that survives the process.

    A line that a crash tore is cut off when the file is opened again. When the file holds many more
    lines than are remembered it is written anew.

    Args:
        path: The file; made when it is missing. One process at a time.
        limit: Outcomes to remember.
    """

    def __init__(self, path: Path, limit: int = 10_000) -> None:
        self._path = path
        self._memory = MemoryLedger(limit)
        path.parent.mkdir(parents=True, exist_ok=True)
        kept: list[bytes] = []
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        for number, line in enumerate(lines, start=1):
            try:
                outcome = from_json(Outcome, line)
            except SchemaError:
                if number < len(lines):
                    raise
                continue
            self._memory.record(outcome)
            kept.append(line if line.endswith(b"\n") else line + b"\n")
        whole = kept[-limit:]
        if whole != lines:
            beside = path.with_suffix(".new")
            beside.write_bytes(b"".join(whole))
            beside.replace(path)

    def outcome(self, command: CommandId) -> Outcome | None:
        """Return the outcome of a command that ended, or None."""
        return self._memory.outcome(command)

    def record(self, outcome: Outcome) -> None:
        """Remember an outcome on the disk, then in memory; one that is there already stays."""
        if self._memory.outcome(outcome.command) is not None:
            return
        with self._path.open("ab") as file:
            file.write(to_json(outcome) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._memory.record(outcome)
