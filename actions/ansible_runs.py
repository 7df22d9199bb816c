"""Playbooks of Ansible that the installation lists, run by ansible-runner in a process of their own.

The contract is ansible-runner 2.4's: artifacts under the command's id, an `rc` there means that it is over.
Exit code 0 with unreachable hosts exists, and is no success.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from actions.actuator import Progress
from actions.ansible_artifacts import PlaybookEnd, read_artifacts, some
from actions.child_programs import Program, run
from actions.errors import PermanentActionError, RefusedActionError
from actions.fence import require_open
from actions.run_folders import Ended, RunFolder, look
from actions.runbook_calls import facts, listed
from actions.runbook_list import AnsibleEntry
from actions.runbook_sources import read_sources, secrets_of
from schemas.orders import Command
from schemas.redaction import redact

DEFAULT_TIMEOUT_S = 600
"""Seconds that a playbook may take when its command says nothing, as of a Job."""

_CHILD = str(Path(__file__).with_name("ansible_child.py"))
_TEMPLATE_MARKS = ("{{", "{%", "{#")
# ansible-runner stops the playbook itself at the deadline and writes that down; this is for when it cannot.
_MORE_S = 15.0


class AnsiblePlaybooks:
    """Runs listed playbooks.

    Args:
        entries: Playbooks by name.
        root: Folder of the runs: the artifacts of each lie in the folder named for its command.
        clock: Returns the present instant, aware.
    """

    def __init__(
        self, entries: Mapping[str, AnsibleEntry], root: Path, clock: Callable[[], datetime]
    ) -> None:
        self._entries, self._root, self._clock = entries, root, clock

    def read_back(self, command: Command) -> Progress:
        """Return whether the playbook ran, and how it ended."""
        entry, _ = listed(self._entries, command)
        folder, what = RunFolder(self._root, command.id), _what(command)
        if command.is_rehearsal:
            # One that was cut off changed nothing, and its result is no state of the world.
            return look(folder, None, name=what, repeatable=True)
        return look(folder, self._ended(folder, what, entry), name=what, repeatable=entry.repeatable)

    def carry_out(self, command: Command) -> str:
        """Run the playbook to its end; return what it changed.

        Raises:
            PermanentActionError: it failed, or did not reach every host.
        """
        ended = self._play(command).told(_what(command))
        RunFolder(self._root, command.id).end(ended)
        if not ended.is_good:
            raise PermanentActionError(ended.detail, ended.log_tail)
        return f"{_what(command)} ran"

    def rehearse(self, command: Command) -> str:
        """Run the playbook with `--check --diff` and return what it would change.

        Its tasks that say `check_mode: false` are run.

        Raises:
            PermanentActionError: it fails in check mode, too, or does not reach every host.
        """
        what = _what(command)
        end = self._play(command, cmdline="--check --diff")
        ended = end.told(what)
        if not ended.is_good:
            raise PermanentActionError(f"{ended.detail}, in check mode", ended.log_tail)
        tasks = some([redact(task) for task in end.changed]) or "nothing"
        return f"{what} on {some(end.hosts('ok'))}: {tasks}"

    def _play(self, command: Command, cmdline: str = "") -> PlaybookEnd:
        program, secrets = self._program(command, cmdline)
        folder, what = RunFolder(self._root, command.id), _what(command)
        require_open()
        folder.begin(what, self._clock())
        (folder.path / "private").mkdir(exist_ok=True, mode=0o700)
        # Those of a run that was cut off are not this one's.
        shutil.rmtree(folder.path / "job_events", ignore_errors=True)
        end = run(program, command.id, folder.lead)
        read = read_artifacts(folder.path, secrets)
        if read is None:
            ended = Ended(
                is_good=False,
                detail=f"{what} ended without a result, exit code {end.exit_code}",
                log_tail=end.log_tail,
            )
            folder.end(ended)
            raise PermanentActionError(ended.detail, ended.log_tail)
        return read

    def _ended(self, folder: RunFolder, what: str, entry: AnsibleEntry) -> Ended | None:
        """Return how a run ended, also when its executor died before it wrote that down."""
        ended = folder.ended()
        if ended is not None:
            return ended
        if folder.begun() is None:
            return None
        values = read_sources(what, entry.environment)
        end = read_artifacts(folder.path, secrets_of(entry.environment, values))
        return None if end is None else end.told(what)

    def _program(self, command: Command, cmdline: str) -> tuple[Program, tuple[str, ...]]:
        """Return what is run and which values it must not show.

        Raises:
            RefusedActionError: an argument holds what Ansible would evaluate.
            PermanentActionError: Ansible is not installed.
        """
        entry, arguments = listed(self._entries, command)
        what = _what(command)
        for name, value in arguments.items():
            if any(mark in value for mark in _TEMPLATE_MARKS):
                raise RefusedActionError(f"{what}: argument {name} holds a template, expected plain text")
        if find_spec("ansible_runner") is None:
            raise PermanentActionError(f"{what}: no ansible-runner, expected the extra suture[ansible]")
        if not os.access(entry.playbook, os.R_OK):
            raise PermanentActionError(f"{what}: {entry.playbook} cannot be read")
        values = read_sources(what, entry.environment)
        folder = (self._root / command.id).resolve()
        timeout_s = command.timeout_s or DEFAULT_TIMEOUT_S
        said = {
            "private_data_dir": str(folder / "private"),
            "project_dir": str(Path(entry.playbook).parent),
            "artifact_dir": str(folder.parent),
            "ident": command.id,
            "playbook": entry.playbook,
            "extravars": {**facts(command), **arguments},
            "timeout": timeout_s,
            **({"inventory": entry.inventory} if entry.inventory else {}),
            **({"limit": entry.limit} if entry.limit else {}),
            **({"cmdline": cmdline} if cmdline else {}),
        }
        # `ansible-playbook` of the same installation is found first.
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        secrets = secrets_of(entry.environment, values)
        program = Program(
            argv=(sys.executable, "-I", "-B", _CHILD),
            environment={
                "PATH": path,
                "LANG": "C.UTF-8",
                "HOME": os.environ.get("HOME", str(folder)),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_LOCAL_TEMP": str(folder / "private" / "temporary"),
                **values,
            },
            folder=folder,
            said=json.dumps(said).encode(),
            limits={"RLIMIT_CORE": 0},
            timeout_s=timeout_s + _MORE_S,
            secrets=secrets,
        )
        return program, secrets


def _what(command: Command) -> str:
    assert command.runbook is not None, "a command of these kinds names a runbook"
    return f"playbook {command.runbook.name}"
