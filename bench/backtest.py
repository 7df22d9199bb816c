"""How fast a recorded log is judged again, and whether that says what the live run said.

`python -m bench.backtest --data DIR [--jobs N] [--through kafka]` prints one JSON object. Real time is the
log's covered span: minutes in which samples come, case by case and added up; the hours of watching after the
last sample, which are judged as well, count for nothing. The wall's clock includes reading the file, forking
and collecting; not the import of the engine.

Verdicts, and everything else that environments hear and say, are compared byte for byte with what
`suture replay` says, or with the journal of live workers behind a real Kafka.
"""

import argparse
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.report import Started, report
from bench.through_kafka import effects_through_kafka
from schemas.codec import to_json
from schemas.effects import Effect
from schemas.observations import VerdictReached
from schemas.orders import Command, Decision, Denied, Held
from streams.backtest_contenders import CHAMPION
from streams.backtest_judging import Judged, judge_log
from streams.backtest_pod_minutes import PodMinutes
from streams.pipeline import effects_of_pod_minutes
from streams.pod_minutes import read_rows

_COMPARED = (VerdictReached, Decision, Held, Denied, Command)


def bodies(effects: Iterable[Effect]) -> list[tuple[str, bytes]]:
    """Return verdicts, decisions, holds, denials and commands, each as its kind and JSON, sorted."""
    return sorted(
        (type(effect.said).__name__, to_json(effect.said))
        for effect in effects
        if isinstance(effect.said, _COMPARED)
    )


def timed(source: Path, jobs: int) -> tuple[Judged, dict[str, Any]]:
    """Judge a file again; return what was said and what it cost."""
    begun, cpu = time.perf_counter(), os.times()
    log = PodMinutes.read(source)
    judged = judge_log(log, (CHAMPION,), jobs)
    wall_s, ended = time.perf_counter() - begun, os.times()
    # The pool's processes have ended by now, so their time is among the children's.
    cpu_s = sum(ended[:4]) - sum(cpu[:4])
    covered_s = log.covered_s
    return judged.of[0], {
        "jobs": jobs,
        "real_time_s": covered_s,
        "wall_s": round(wall_s, 3),
        "cpu_s": round(cpu_s, 3),
        "times_real_time_wall": round(covered_s / wall_s),
        "times_real_time_cpu": round(covered_s / cpu_s),
        "observations": judged.observations,
    }


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/bench/changerca"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--through", choices=("engine", "kafka"), default="engine", help="the live run")
    given = parser.parse_args(arguments)
    started = Started()
    source = given.data / "replay.jsonl.gz"
    judged, found = timed(source, given.jobs)
    rows = read_rows(source)
    live = effects_through_kafka(rows) if given.through == "kafka" else effects_of_pod_minutes(rows)
    expected, said = bodies(live), bodies((*judged.services, *judged.environments))
    found["live"] = given.through
    found["compared"] = len(expected)
    found["verdicts"] = sum(kind == VerdictReached.__name__ for kind, _ in expected)
    found["differing"] = len(set(expected) ^ set(said))
    found["is_identical"] = expected == said
    report(found, started, source)


if __name__ == "__main__":
    main()
