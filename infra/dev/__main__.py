"""`python -m infra.dev PART COMMAND`: fetch, start, list and stop the real parts on this machine."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from infra.dev import instances
from infra.dev.cache import PartUnavailableError, report

PARTS = ("kafka", "cluster", "collector", "argo", "prometheus", "alertmanager", "browser")
COMMANDS = ("fetch", "up", "down", "status")


class Part(Protocol):
    """What every part's module offers to this command."""

    def available(self) -> str | None:
        """Return why the part cannot run here, None when it can."""

    def fetch(self) -> Path:
        """Return where the part's files are, fetched or built if need be."""

    def up(self, name: str) -> instances.Instance:
        """Start an instance that stays until `down`."""


def part_named(name: str) -> Part:
    """Return a part's module; imported late, so that one part's trouble is not another's."""
    return cast(Part, importlib.import_module(f"infra.dev.{name}"))


def fetch(parts: Sequence[str]) -> None:
    """Fetch or build parts and print where they are."""
    for part in parts:
        print(f"{part}\t{part_named(part).fetch()}")


def up(part: str, name: str) -> None:
    """Start an instance and print what a user needs to reach it."""
    if any(one.name == name and not one.is_stale for one in instances.all_instances()):
        raise FileExistsError(f"instance {name} already runs, expected `down` first or another --name")
    for key, value in part_named(part).up(name).values.items():
        print(f"{key}\t{value}")


def down(parts: Sequence[str], name: str | None) -> None:
    """Stop the instances of these parts, or the one of that name."""
    for one in instances.all_instances():
        if one.part in parts and name in (None, one.name):
            instances.remove(one)
            report(f"{one.name}: removed")


def status(parts: Sequence[str]) -> None:
    """Print one line for each instance."""
    for one in instances.all_instances():
        if one.part not in parts:
            continue
        ended = [role for role, process in one.processes.items() if not process.is_alive]
        state = "left over" if one.is_stale else f"without {', '.join(ended)}" if ended else "running"
        owner = "" if one.owner is None else f"owner {one.owner.pid}"
        values = " ".join(f"{key}={value}" for key, value in one.values.items())
        print("\t".join(filter(None, (one.name, one.part, state, owner, f"since {one.created}", values))))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.dev", description=__doc__)
    parser.add_argument("part", nargs="?", choices=[*PARTS, "all"], default="all", help="default: all")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--name", help="the instance's name; default: the part's")
    given = parser.parse_args(arguments)
    parts = PARTS if given.part == "all" else (given.part,)
    try:
        match given.command:
            case "fetch":
                fetch(parts)
            case "up":
                if given.part == "all":
                    parser.error("up takes one part")
                up(given.part, given.name or given.part)
            case "down":
                down(parts, given.name)
            case "status":
                status(parts)
    except (PartUnavailableError, instances.StartError, FileExistsError) as error:
        report(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
