"""A program of the distribution that reads a file and answers `/-/ready`: Prometheus and its relatives."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.dev import cache, debian, instances
from infra.dev.instances import Instance
from infra.dev.ports import LOOPBACK
from infra.dev.starting import start_on_free_ports

__all__ = ["Program", "WebServer", "available", "fetch", "running"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What sets one such program apart.

    Attributes:
        part: Its name on our command line.
        executable: Its name on the path.
        package: The distribution's package.
        options: Its command line, with `{config}`, `{data}` and `{address}` to be filled in.
    """

    part: str
    executable: str
    package: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebServer:
    """A running one.

    Attributes:
        instance: Its record and folder.
        url: Where it answers.
        role: The name of its process.
        command: Its command line.
    """

    instance: Instance
    url: str
    role: str
    command: Sequence[str]

    def start(self) -> None:
        """Start it, or start it again on its data, and return once it is ready."""
        self.instance.start(self.role, self.command)
        self.instance.wait_while_alive(self.role, lambda: _is_ready(self.url))

    def stop(self) -> None:
        """Stop it in good order and keep its data."""
        self.instance.stop(self.role)


def available(program: Program) -> str | None:
    """Return why it cannot run here, None when it can."""
    return debian.missing({program.executable: program.package})


def fetch(program: Program) -> Path:
    """Return the program, installed if need be.

    Raises:
        PartUnavailableError: It cannot be installed here.
    """
    debian.install({program.executable: program.package})
    found = shutil.which(program.executable)
    if found is None:
        raise cache.PartUnavailableError(f"{program.executable} is not in the package {program.package}")
    return Path(found)


@contextmanager
def running(program: Program, config: str | Path, *, name: str | None, keep: bool) -> Iterator[WebServer]:
    """Run it for the length of a `with` block; see `prometheus.running`."""
    executable = fetch(program)
    text = config.read_text() if isinstance(config, Path) else config
    with instances.owned(program.part, name, keep=keep) as instance:
        path = instance.directory / f"{program.part}.yaml"
        path.write_text(text)

        def start(ports: Sequence[int]) -> WebServer:
            address = f"{LOOPBACK}:{ports[0]}"
            values = {"config": path, "data": instance.path("data"), "address": address}
            options = [option.format_map(values) for option in program.options]
            server = WebServer(
                instance=instance,
                url=f"http://{address}",
                role=program.part,
                command=[str(executable), *options],
            )
            instance.log(program.part).unlink(missing_ok=True)
            server.start()
            return server

        server = start_on_free_ports(1, start)
        instance.values["url"] = server.url
        instance.save()
        yield server


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=2.0):
            return True
    except OSError:
        return False
