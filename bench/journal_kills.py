"""The journal's process killed again and again under load, on a real Kafka: is every effect kept once?

    python -m bench.journal_kills --kills 200 --seed 1

A producer goes on all the while; `suture journal` runs as an operator runs it and dies by SIGKILL: at
random moments, and as soon as a file of a certain sort is half-written. At the end one last process reads
the rest, and what the files hold is compared with what was said. The seed draws the load and the moments'
plan; when a process is how far is the machine's.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from bench.journal_kill_load import Load, Place
from bench.report import Started, report
from feature_store.inventory import take_inventory
from feature_store.parquet import dataset
from infra.dev import kafka
from streams.kafka_log import create_topics
from streams.settings import Settings, environment_of
from streams.stopping import stop_flag

PREFIX = "journal-kills."
_FLUSH = timedelta(seconds=0.2)
"""Short, so that thirty-two files, and with them a merge, come about every seven seconds of life."""
_LONGEST_LIFE_S = 20.0
_CATCH_UP_S = 300.0


class Phase(StrEnum):
    """What a process was doing when it died, by what it left."""

    STARTING = "starting"
    APPENDING = "appending"
    WRITING = "writing a fresh file"
    MERGING = "writing a kind's file"
    MANIFEST = "writing a manifest"


class Target(StrEnum):
    """When a process is to die."""

    ANY_START = "while it starts"
    ANY_TIME = "at any time"
    FRESH = "in a fresh file"
    MERGE = "in a merge"
    MANIFEST = "in a manifest"


_WEIGHTS: Mapping[Target, int] = {
    Target.ANY_START: 2,
    Target.ANY_TIME: 4,
    Target.FRESH: 4,
    Target.MERGE: 6,
    Target.MANIFEST: 4,
}


def kill_often(
    bootstrap: str, folder: Path, kills: int, seed: int, rate: float, stop: threading.Event | None = None
) -> dict[str, Any]:
    """Return the figures of a run.

    Args:
        bootstrap: A Kafka that nobody else uses with this prefix.
        folder: For the journal; empty.
        kills: How often the journal dies.
        seed: Of load and plan.
        rate: Causes a second, each of which says three effects.
        stop: Set, it ends the killing early; what was kept by then is counted as ever.
    """
    settings = Settings(bootstrap=bootstrap, prefix=PREFIX, data=folder, flush=_FLUSH, instance="bench")
    create_topics(bootstrap, PREFIX)
    settings.journal.mkdir(parents=True)
    draw = random.Random(seed)
    phases: Counter[Phase] = Counter()
    with Load(bootstrap, PREFIX, rate, seed) as load:
        for number in range(kills):
            if stop is not None and stop.is_set():
                break
            target = draw.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
            phases[_live_and_die(settings, target, draw.random())] += 1
            if load.failure is not None:
                raise load.failure
            _progress(number + 1, phases)
        load.stop()
        rows = _rest(settings, load)
    inventory = take_inventory(settings.journal)
    return {
        "kills": sum(phases.values()),
        "effects": len(load.said),
        "said_again": load.repeats,
        "missing": len(load.said - rows.keys()),
        "doubles": sum(count - 1 for count in rows.values()),
        "strangers": len(rows.keys() - load.said),
        "phases": {phase.value: phases[phase] for phase in Phase},
        "files": len(inventory.files),
        "highest_level": max((segment.level for segment in inventory.segments), default=0),
        "findings": list(inventory.findings),
    }


def _live_and_die(settings: Settings, target: Target, chance: float) -> Phase:
    """Run a journal until its moment has come, kill it, and say what it was doing."""
    known = set(settings.journal.glob("*/*.parquet"))
    began = time.monotonic()
    process = _start(settings)
    try:
        if target is Target.ANY_START:
            time.sleep(3.0 * chance)
        elif target is Target.ANY_TIME:
            _await(lambda: _writes(process.pid) is not None, process, began)
            time.sleep(2.0 * chance)
        else:
            _await(lambda: _writes(process.pid) is _SOUGHT[target], process, began)
            # A file takes a millisecond or two: mostly at its first bytes, sometimes later.
            time.sleep(max(0.0, 0.005 * (chance - 0.8)))
    finally:
        process.kill()
        process.wait()
    names = [path.name for path in settings.journal.glob(f"**/.*.{process.pid}.tmp")]
    if names:
        return _sort_of(names[0])
    is_new = any(path not in known for path in settings.journal.glob("*/*.parquet"))
    return Phase.APPENDING if is_new else Phase.STARTING


_SOUGHT = {Target.FRESH: Phase.WRITING, Target.MERGE: Phase.MERGING, Target.MANIFEST: Phase.MANIFEST}


def _start(settings: Settings) -> subprocess.Popen[bytes]:
    # It ends with this process, too, should somebody kill that.
    environment = {**os.environ, **environment_of(settings), "SUTURE_PARENT": str(os.getpid())}
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "--log-level", "error", "journal"], env=environment
    )
    # It gives way to who watches it, or its moments would be over before they are seen.
    os.setpriority(os.PRIO_PROCESS, process.pid, min(19, os.nice(0) + 2))
    return process


def _await(is_due: Callable[[], bool], process: subprocess.Popen[bytes], began: float) -> None:
    """Wait for a moment, or for the end of a process' longest life."""
    pause = threading.Event()
    while not is_due() and time.monotonic() - began < _LONGEST_LIFE_S:
        if process.poll() is not None:
            raise RuntimeError(f"the journal ended by itself with {process.returncode}")
        pause.wait(0.0001)


def _writes(pid: int) -> Phase | None:
    """Return what sort of file a process has open under a temporary name."""
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            name = descriptor.readlink().name
            if name.endswith(f".{pid}.tmp"):
                return _sort_of(name)
    except OSError:
        # It was closed, or has ended, just now.
        return None
    return None


def _sort_of(name: str) -> Phase:
    if ".json.gz" in name:
        return Phase.MANIFEST
    return Phase.MERGING if ".s" in name.removesuffix(".tmp") else Phase.WRITING


def _rest(settings: Settings, load: Load) -> Counter[Place]:
    """Let one journal read what is left, and return how often the files hold each effect."""
    process = _start(settings)
    rows: Counter[Place] = Counter()
    deadline = time.monotonic() + _CATCH_UP_S
    try:
        while time.monotonic() < deadline and not load.said <= rows.keys():
            time.sleep(2.0)
            with suppress(OSError):  # a merged file went while it was read
                rows = _rows(settings.journal)
    finally:
        process.terminate()
        process.wait()
    return _rows(settings.journal)


def _rows(journal: Path) -> Counter[Place]:
    """Return how often the journal's files hold each effect."""
    names = ["cause_partition", "cause_offset", "effect_index", "release"]
    table = dataset([file.path for file in take_inventory(journal).files]).to_table(columns=names)
    rows: Counter[Place] = Counter()
    for partition, offset, index, release in zip(
        *(table.column(name).to_pylist() for name in names), strict=True
    ):
        if release != f"{partition}-{offset}-{index}":
            raise AssertionError(f"{partition}/{offset}/{index} says {release}")
        rows[partition, offset, index] += 1
    return rows


def _progress(number: int, phases: Counter[Phase]) -> None:
    if number % 10 == 0:
        told = ", ".join(f"{count} {phase.value}" for phase, count in sorted(phases.items()))
        print(f"{number} kills: {told}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its figures; return 1 when an effect is missing or there twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=100.0, help="causes a second; each says three effects")
    parser.add_argument("--data", type=Path, help="keep the journal here; by default it goes when it is over")
    given = parser.parse_args(arguments)
    started, stop = Started(), stop_flag()
    with tempfile.TemporaryDirectory(prefix="suture-kills-") as scratch, kafka.running() as broker:
        folder = given.data or Path(scratch)
        figures = kill_often(broker.bootstrap, folder, given.kills, given.seed, given.rate, stop)
    report(figures, started, seed=given.seed, packages=("kafka-python", "pyarrow", "duckdb"))
    return 1 if figures["missing"] or figures["doubles"] or figures["strangers"] else 0


if __name__ == "__main__":
    sys.exit(main())
