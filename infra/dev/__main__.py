"""`python -m infra.dev PART COMMAND`: fetch, start, list and stop the real parts on this machine."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from infra.dev import instances, kafka
from infra.dev.cache import PartUnavailableError, report

PARTS = (
    "kafka",
    "cluster",
    "collector",
    "argo",
    "helm",
    "prometheus",
    "alertmanager",
    "browser",
    "s3",
    "noida",
)
# Fetched by name alone: what is second best is not wanted where everything can be had.
SECOND_BEST = "noida"
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


def fetch(parts: Sequence[str]) -> int:
    """Fetch or build parts, print where they are, and return how many could not be had."""
    failed = 0
    for part in parts:
        try:
            print(f"{part}\t{part_named(part).fetch()}", flush=True)
        except PartUnavailableError as error:
            report(str(error))
            failed += 1
    return failed


def up(part: str, name: str, data: Path | None) -> None:
    """Start an instance and print what a user needs to reach it."""
    if any(one.name == name and not one.is_stale for one in instances.all_instances()):
        raise FileExistsError(f"instance {name} already runs, expected `down` first or another --name")
    instance = kafka.up(name, data) if part == "kafka" else part_named(part).up(name)
    for key, value in instance.values.items():
        print(f"{key}\t{value}")


def down(parts: Sequence[str], name: str | None) -> None:
    """Stop the instances of these parts, or the one of that name.

    Without a name, those of a running test or program are left to it.
    """
    for one in instances.all_instances():
        if one.part not in parts or name not in (None, one.name):
            continue
        if name is None and one.owner is not None and not one.is_stale:
            report(f"{one.name}: left to process {one.owner.pid}, which will stop it; --name stops it now")
            continue
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
    parser.add_argument("--data", type=Path, help="kafka up: folder for data that outlive the broker")
    given = parser.parse_args(arguments)
    parts = PARTS if given.part == "all" else (given.part,)
    try:
        match given.command:
            case "fetch":
                wanted = [part for part in parts if given.part == part or part != SECOND_BEST]
                return 1 if fetch(wanted) else 0
            case "up":
                if given.part == "all":
                    parser.error("up takes one part")
                if given.data is not None and given.part != "kafka":
                    parser.error("--data is for kafka alone")
                up(given.part, given.name or given.part, given.data)
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
