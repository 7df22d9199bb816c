"""Running parts, each with a folder that says what it consists of.

The folder holds the data, the logs and `instance.json`: the processes, bridges and networks of the
instance and its owner. A part started by a test or a `with` block is owned by that process; one started
by `up` is owned by nobody and lives until `down`. Whatever is recorded can be removed by another run,
so a killed one leaves nothing for good: its leftovers go at the next start of anything.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from infra.dev import leftovers, processes
from infra.dev.cache import report
from infra.dev.locks import locked
from infra.dev.processes import Process
from infra.dev.waiting import wait_until

__all__ = ["Instance", "StartError", "all_instances", "create", "owned", "reap", "remove", "state_root"]

RECORD = "instance.json"
# A process that sets out to be a daemon leaves its parent; its environment goes with it.
MARK = "SUTURE_DEV_INSTANCE"


class StartError(RuntimeError):
    """A part did not come up; the message ends with the last lines of its log."""


@dataclass(slots=True, kw_only=True)
class Instance:
    """One running part and what it left on this machine.

    Attributes:
        directory: Its folder; the folder's name is the instance's name.
        part: Which part it is, as on the command line.
        owner: The process it lives for, None when it lives until `down`.
        processes: By role, in the order in which they were started.
        bridges: Network bridges made for it.
        networks: Address ranges it uses, so that the next one takes others.
        values: What a user needs to reach it, such as `bootstrap`.
    """

    directory: Path
    part: str
    created: str
    owner: Process | None = None
    processes: dict[str, Process] = field(default_factory=dict)
    bridges: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.directory.name

    @property
    def is_stale(self) -> bool:
        """Whether nobody needs it any more: its owner is gone, or all that it consisted of."""
        if self.owner is not None:
            return not self.owner.is_alive
        return not any(process.is_alive for process in self.processes.values())

    def path(self, *parts: str) -> Path:
        """Return a folder of the instance, made if need be."""
        folder = self.directory.joinpath(*parts)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log(self, role: str) -> Path:
        """Return the file that holds a process's output."""
        return self.path("logs") / f"{role}.log"

    def start(self, role: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> Process:
        """Start a process and record it."""
        marks = {**(env or {}), MARK: str(self.directory)}
        process = processes.spawn(argv, log=self.log(role), env=marks, cwd=self.directory)
        self.processes[role] = process
        self.save()
        return process

    def stop(self, role: str, *, grace_s: float = 15.0) -> None:
        """Stop a process and return once it is gone; nothing happens when it already is."""
        processes.stop(self.processes[role], grace_s=grace_s, what=f"{role} of {self.name}")

    def require_alive(self, role: str) -> None:
        """Raise `StartError` with the end of its log when a process ended by itself."""
        if not self.processes[role].is_alive:
            raise StartError(f"{role} of {self.name} ended:\n{self.tail(role)}")

    def wait_while_alive(
        self, role: str, condition: Callable[[], bool], *, deadline_s: float = 120.0
    ) -> None:
        """Return once `condition` holds.

        Raises:
            StartError: The process ended by itself before.
            TimeoutError: Neither happened in time.
        """

        def holds() -> bool:
            # The question comes first: a process that was ready and ended is the next caller's matter.
            if condition():
                return True
            self.require_alive(role)
            return False

        wait_until(holds, deadline_s=deadline_s, what=f"start of {role} of {self.name}")

    def tail(self, role: str, lines: int = 25) -> str:
        """Return the last lines of a process's output."""
        return "\n".join(self.log(role).read_text(errors="replace").splitlines()[-lines:])

    def save(self) -> None:
        """Write the record; it is whole at any moment."""
        draft = self.directory / f"{RECORD}.new"
        draft.write_text(to_json(self))
        draft.rename(self.directory / RECORD)


def state_root() -> Path:
    """Return the folder of all instances."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "suture" / "dev"


def to_json(instance: Instance) -> str:
    """Return the record of an instance; its folder is not part of it."""
    record = asdict(instance)
    del record["directory"]
    return json.dumps(record, indent=2) + "\n"


def from_json(directory: Path, text: str) -> Instance:
    """Return the instance of a folder from its record."""
    record = json.loads(text)
    owner = record.pop("owner")
    members = record.pop("processes")
    return Instance(
        directory=directory,
        owner=None if owner is None else Process(**owner),
        processes={role: Process(**process) for role, process in members.items()},
        **record,
    )


def all_instances() -> list[Instance]:
    """Return the instances of this user, running or not, by name."""
    found = []
    for record in sorted(state_root().glob(f"[!.]*/{RECORD}")):
        try:
            found.append(from_json(record.parent, record.read_text()))
        except FileNotFoundError:
            continue  # It was removed between the listing and the reading.
    return found


def create(part: str, name: str | None = None) -> Instance:
    """Make an instance owned by this process, after removing the leftovers of killed runs.

    Raises:
        FileExistsError: An instance of that name is there.
    """
    owner = processes.identify(os.getpid())
    with locked(state_root() / ".lock"):
        _reap()
        directory = state_root() / (name or f"{part}-{os.getpid()}-{secrets.token_hex(3)}")
        if directory.exists():
            raise FileExistsError(f"instance {directory.name} is already there, expected a new name")
        draft = state_root() / f".{directory.name}.new"
        leftovers.remove_folder(draft)
        draft.mkdir(parents=True)
        now = datetime.now(UTC)  # noqa: TID251  # For people who read the status; nothing is decided by it.
        created = now.isoformat(timespec="seconds")
        instance = Instance(directory=draft, part=part, created=created, owner=owner)
        instance.save()
        draft.rename(directory)
        instance.directory = directory
    return instance


@contextmanager
def owned(part: str, name: str | None = None, *, keep: bool = False) -> Iterator[Instance]:
    """Make an instance for the length of a `with` block.

    Args:
        part: Which part it is.
        name: Its name; by default one that nobody else has.
        keep: Leave it running when the block ends well, owned by nobody, until `down`.
    """
    instance = create(part, name)
    try:
        yield instance
    except BaseException:  # also on Ctrl-C: what was started for the block must go with it
        remove(instance)
        raise
    if keep:
        instance.owner = None
        instance.save()
    else:
        remove(instance)


def reap() -> list[str]:
    """Remove the instances that nobody needs any more and return their names."""
    with locked(state_root() / ".lock"):
        return _reap()


def remove(instance: Instance) -> None:
    """Stop all processes of an instance, last first, and remove whatever it left. Twice is once."""
    with locked(state_root() / ".removal-lock"):
        for role in reversed(instance.processes):
            instance.stop(role)
        leftovers.remove(instance.directory, instance.bridges, mark=(MARK, str(instance.directory)))


def _reap() -> list[str]:
    stale = [instance for instance in all_instances() if instance.is_stale]
    for instance in stale:
        report(f"{instance.name}: removing what a killed run left")
        remove(instance)
    return [instance.name for instance in stale]
