"""Python scripts that the installation lists: each in a process of its own, under limits, once a command."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from actions.actuator import Progress
from actions.child_programs import Program, ProgramEnd, run
from actions.errors import PermanentActionError
from actions.fence import require_open
from actions.run_folders import Ended, RunFolder, look
from actions.runbook_calls import facts, listed
from actions.runbook_list import ScriptEntry
from actions.runbook_sources import read_sources, secrets_of
from schemas.orders import Command

DEFAULT_TIMEOUT_S = 600
"""Seconds that a run may take when its command says nothing, as of a Job."""

_MIB = 1024 * 1024


class Scripts:
    """Runs listed scripts.

    A script is given one JSON object with its arguments on standard input, and in its environment what it
    is run for. Exit code 0 means done. A run whose executor died is stopped, and begun again only where
    the list says that this does no harm.

    Args:
        entries: Scripts by name.
        root: Folder of the runs.
        clock: Returns the present instant, aware.
    """

    def __init__(self, entries: Mapping[str, ScriptEntry], root: Path, clock: Callable[[], datetime]) -> None:
        self._entries, self._root, self._clock = entries, root, clock

    def read_back(self, command: Command) -> Progress:
        """Return whether the script ran, and how it ended."""
        entry, _ = listed(self._entries, command)
        folder = RunFolder(self._root, command.id)
        return look(folder, folder.ended(), name=_what(command), repeatable=entry.repeatable)

    def carry_out(self, command: Command) -> str:
        """Run the script to its end; return that it ended well.

        Raises:
            PermanentActionError: it did not.
        """
        program = self._program(command)
        folder = RunFolder(self._root, command.id)
        require_open()
        folder.begin(_what(command), self._clock())
        end = run(program, command.id, folder.lead)
        ended = Ended(
            is_good=end.exit_code == 0 and not end.is_timeout,
            detail=f"{_what(command)} {_told(end, program.timeout_s)}",
            log_tail=end.log_tail,
        )
        folder.end(ended)
        if not ended.is_good:
            raise PermanentActionError(ended.detail, ended.log_tail)
        return f"{_what(command)} ran"

    def rehearse(self, command: Command) -> str:
        """Check everything that a run would need, and run nothing."""
        program = self._program(command)
        names = ", ".join(json.loads(program.said)) or "no arguments"
        return f"{_what(command)} would run with {names}, for at most {program.timeout_s:g} s"

    def _program(self, command: Command) -> Program:
        entry, arguments = listed(self._entries, command)
        what = _what(command)
        if not os.access(entry.file, os.R_OK):
            raise PermanentActionError(f"{what}: {entry.file} cannot be read")
        values = read_sources(what, entry.environment)
        folder = self._root / command.id
        told = {name.upper(): value for name, value in facts(command).items()}
        return Program(
            argv=(sys.executable, "-I", "-B", entry.file),
            environment={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(folder), **told, **values},
            folder=folder.resolve(),
            said=json.dumps(arguments).encode(),
            limits={
                "RLIMIT_CORE": 0,
                "RLIMIT_CPU": entry.cpu_s,
                "RLIMIT_NOFILE": entry.open_files,
                "RLIMIT_FSIZE": entry.file_mib * _MIB,
                "RLIMIT_AS": entry.memory_mib * _MIB,
            },
            timeout_s=command.timeout_s or DEFAULT_TIMEOUT_S,
            secrets=secrets_of(entry.environment, values),
        )


def _what(command: Command) -> str:
    assert command.runbook is not None, "a command of these kinds names a runbook"
    return f"script {command.runbook.name}"


def _told(end: ProgramEnd, timeout_s: float) -> str:
    if end.is_timeout:
        return f"was stopped after {timeout_s:g} s"
    if end.exit_code < 0:
        return f"was ended by signal {-end.exit_code}"
    return f"ended with exit code {end.exit_code}"
