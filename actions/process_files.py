"""A workload of local processes as files: what should run, what runs, and what it is made from.

    <root>/<namespace>/<workload>/templates/<hash>.json   never changes: the hash is of its content
    <root>/<namespace>/<workload>/desired.json            written under desired.lock, by rename
    <root>/<namespace>/<workload>/observed.json           written by the supervisor alone, by rename

A reader sees the old file or the new one, whatever was killed when.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from actions.errors import PermanentActionError
from schemas.codec import digest, from_json, to_json
from schemas.keys import NO_TEMPLATE, TemplateHash

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTemplate:
    """What an instance is made from; the counterpart of a pod template.

    Attributes:
        argv: Program and arguments.
        env: Variables beside those of the supervisor. PORT, SUTURE_TEMPLATE and SUTURE_POD are added.
        cwd: Working directory; "" for the supervisor's.
        health_path: An instance is ready while `GET` of this path on its port answers 200.
    """

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    cwd: str = ""
    health_path: str = "/healthz"

    def __post_init__(self) -> None:
        if not self.argv:
            raise ValueError("a process template names no program")

    @property
    def hash(self) -> TemplateHash:
        """Return the name of this content: ten hexadecimal digits."""
        return TemplateHash(digest(self)[:10])


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What should run.

    Attributes:
        generation: Rises with each change.
        replicas: Instances of both templates together.
        canary: Template on trial; "" without one.
        canary_replicas: How many of `replicas` run it.
        changed_by: Who wrote this: a command's id, or a person's or program's name.
    """

    generation: int
    stable: TemplateHash
    replicas: int
    canary: TemplateHash = NO_TEMPLATE
    canary_replicas: int = 0
    changed_by: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.canary_replicas <= self.replicas:
            raise ValueError(
                f"{self.canary_replicas} of {self.replicas} instances are canaries, expected no more than all"
            )
        if bool(self.canary) != bool(self.canary_replicas):
            raise ValueError("a canary needs a template and at least one instance, or neither")

    def counts(self) -> dict[TemplateHash, int]:
        """Return how many instances of each template should run."""
        counts = {self.stable: self.replicas - self.canary_replicas}
        if self.canary:
            counts[self.canary] = counts.get(self.canary, 0) + self.canary_replicas
        return counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A process that runs.

    Attributes:
        pod: Its name: `<workload>-<template>-<index>`.
        restarts: How often an instance of this name came back after it ended by itself.
    """

    index: int
    pod: str
    template: TemplateHash
    pid: int
    port: int
    ready: bool
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What runs, as the supervisor saw it last.

    Attributes:
        generation: Generation of `desired.json` that the supervisor acts on.
        supervisor_pid: Who wrote this.
        problem: Why it cannot act on `desired.json`; "" when it can.
    """

    generation: int
    supervisor_pid: int
    instances: tuple[Instance, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """The files of one workload.

    Raises:
        ValueError: a name would lead out of the folder.

    Attributes:
        root: Folder of all workloads.
    """

    root: Path
    namespace: str
    name: str

    def __post_init__(self) -> None:
        for part in (self.namespace, self.name):
            if not _NAME.fullmatch(part):
                raise ValueError(f"{part!r} is no name of a workload or namespace")

    @property
    def folder(self) -> Path:
        """Return where the files lie."""
        return self.root / self.namespace / self.name

    def register_template(self, template: ProcessTemplate) -> TemplateHash:
        """Write a template down and return its hash; the same content twice is one template."""
        name = template.hash
        path = self._template_path(name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, to_json(template))
        return name

    def template(self, name: TemplateHash) -> ProcessTemplate | None:
        """Return a template, or None when none of that hash was registered."""
        path = self._template_path(name)
        return from_json(ProcessTemplate, path.read_bytes()) if path.exists() else None

    def deploy(self, stable: TemplateHash, replicas: int, by: str = "deploy") -> Desired:
        """Run one template everywhere, without a canary."""
        with self.change() as change:
            before = change.desired
            return change.write(
                Desired(
                    generation=(before.generation if before else 0) + 1,
                    stable=self._known(stable),
                    replicas=replicas,
                    changed_by=by,
                )
            )

    def deploy_canary(self, canary: TemplateHash, canary_replicas: int = 1, by: str = "deploy") -> Desired:
        """Give some of the instances to another template.

        Raises:
            PermanentActionError: nothing is deployed yet, or the template is unknown.
        """
        with self.change() as change:
            before = change.desired
            if before is None:
                raise PermanentActionError(f"{self.namespace}/{self.name} is not deployed yet")
            return change.write(
                replace(
                    before,
                    generation=before.generation + 1,
                    canary=self._known(canary),
                    canary_replicas=canary_replicas,
                    changed_by=by,
                )
            )

    def desired(self) -> Desired | None:
        """Return what should run; None when nothing was deployed."""
        path = self.folder / "desired.json"
        return from_json(Desired, path.read_bytes()) if path.exists() else None

    def observed(self) -> Observed | None:
        """Return what runs; None when no supervisor has looked yet."""
        path = self.folder / "observed.json"
        return from_json(Observed, path.read_bytes()) if path.exists() else None

    def report(self, observed: Observed) -> None:
        """Write down what runs; the supervisor's alone."""
        write_whole(self.folder / "observed.json", to_json(observed))

    @contextmanager
    def change(self) -> Iterator["Change"]:
        """Hold the lock while `desired.json` is read, weighed and written; a killed holder frees it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "desired.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield Change(self, self.desired())

    def _known(self, name: TemplateHash) -> TemplateHash:
        if self.template(name) is None:
            raise PermanentActionError(f"{self.namespace}/{self.name} has no template {name}")
        return name

    def _template_path(self, name: TemplateHash) -> Path:
        if not _NAME.fullmatch(name):
            raise PermanentActionError(f"{name!r} is no template hash")
        return self.folder / "templates" / f"{name}.json"


@dataclass(frozen=True, slots=True)
class Change:
    """A change in progress, under the lock."""

    workload: Workload
    desired: Desired | None

    def write(self, desired: Desired) -> Desired:
        """Make this what should run."""
        write_whole(self.workload.folder / "desired.json", to_json(desired))
        return desired


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a machine that lost power, sees all of it or none."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def workloads(root: Path) -> list[Workload]:
    """Return every workload that was deployed under a folder, sorted by name."""
    return [
        Workload(root, path.parent.parent.name, path.parent.name)
        for path in sorted(root.glob("*/*/desired.json"))
        if _NAME.fullmatch(path.parent.name) and _NAME.fullmatch(path.parent.parent.name)
    ]
