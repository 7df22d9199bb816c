"""Grouped questions over many decisions: through the public views of a journal, and from its DuckDB file.

`python -m bench.sql [--decisions N] [--days N] [--data FOLDER]` generates a journal by day and kind
(`bench.sql_journal`), asks each question of it cold (another connection, and the operating system told to
forget the files) and warm (the median of five more), writes decisions and verdicts as a DuckDB file, asks the
same of that, and prints one JSON object. The folder goes at the end unless `--data` names it; one that holds
a journal is asked as it is. Each side runs in a process of its own, whose peak memory is its own.
"""

import argparse
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.report import Started, report
from bench.sql_journal import generate
from feature_store.database import write_database
from feature_store.sql import run_query
from feature_store.views import Connection, connect, connect_file

QUESTIONS = {
    "decisions_by_service_and_week": "SELECT service, week, count(*) FROM decisions GROUP BY ALL",
    "decisions_by_verdict_and_guardrail": "SELECT verdict_kind, guard, count(*) FROM decisions GROUP BY ALL",
    "p95_seconds_from_damage_to_decision_by_service": (
        "SELECT service, quantile_cont(seconds_from_damage, 0.95) FROM decisions "
        "WHERE seconds_from_damage IS NOT NULL GROUP BY service"
    ),
}
_TABLES = ("verdicts", "decisions")
_REPEATS = 5


def ask(opened: Callable[[], Connection], files: list[Path]) -> dict[str, Any]:
    """Return seconds of each question, cold and warm, and of opening; in this process.

    Args:
        opened: Opens what is asked.
        files: What the operating system is told to forget before a cold question.
    """
    figures: dict[str, Any] = {}
    for name, text in QUESTIONS.items():
        _forget(files)
        begun = time.perf_counter()
        with opened() as connection:
            open_s = time.perf_counter() - begun
            seconds = []
            for _ in range(1 + _REPEATS):
                begun = time.perf_counter()
                result = run_query(connection, text)
                seconds.append(time.perf_counter() - begun)
        figures[name] = {
            "groups": len(result.rows),
            "open_s": round(open_s, 3),
            "cold_s": round(seconds[0], 3),
            "warm_s": round(statistics.median(seconds[1:]), 3),
        }
    return figures


def _forget(files: list[Path]) -> None:
    """Tell the operating system to drop files from its cache; it may do so only for what is on the disk."""
    os.sync()
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _files(root: Path) -> list[Path]:
    return sorted(root.rglob("*.parquet"))


def through_views(root: Path) -> dict[str, Any]:
    """Return what asking the journal's views costs."""
    return {**ask(lambda: connect(root), _files(root)), "peak_rss_bytes": _peak()}


def from_database(path: Path) -> dict[str, Any]:
    """Return what asking the DuckDB file costs."""
    return {**ask(lambda: connect_file(path), [path]), "peak_rss_bytes": _peak()}


def as_database(root: Path, path: Path) -> dict[str, Any]:
    """Return what writing the DuckDB file costs."""
    begun = time.perf_counter()
    written = write_database(root, path, tables=_TABLES)
    seconds = time.perf_counter() - begun
    return {
        "seconds": round(seconds, 1),
        "rows": written.rows,
        "bytes": written.bytes,
        "peak_rss_bytes": _peak(),
    }


def _peak() -> int:
    # The kernel's figure of this program alone; what getrusage says began before it was loaded.
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) * 1024


def _apart(what: Callable[..., dict[str, Any]], *given: Path) -> dict[str, Any]:
    """Return what a function returns in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(what, given)


def _held(root: Path) -> dict[str, Any]:
    """Return rows, files and bytes of a journal, by kind where they are of one."""
    sizes: dict[str, int] = {}
    files = _files(root)
    for file in files:
        kind = file.parent.name.removeprefix("kind=")
        sizes[kind] = sizes.get(kind, 0) + file.stat().st_size
    with connect(root) as connection:
        rows = dict(
            run_query(connection, "SELECT kind, count(*) FROM effects GROUP BY kind ORDER BY kind").rows
        )
    return {
        "rows": rows,
        "files": len(files),
        "bytes": sum(sizes.values()),
        "bytes_per_decision": round(sizes["decision"] / rows["decision"], 1),
        "bytes_per_decision_with_all_that_goes_with_it": round(sum(sizes.values()) / rows["decision"], 1),
    }


def measure(folder: Path, decisions: int, days: int, seed: int) -> dict[str, Any]:
    """Return all figures; the journal is generated where the folder holds none."""
    root, path = folder / "journal", folder / "log.duckdb"
    generate_s = None
    if not root.exists():
        begun = time.perf_counter()
        generate(root, decisions, days=days, seed=seed)
        generate_s = round(time.perf_counter() - begun, 1)
    return {
        "processors": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "generate_s": generate_s,
        "journal": _held(root),
        "views": _apart(through_views, root),
        "database_written": _apart(as_database, root, path),
        "database": _apart(from_database, path),
    }


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=365, help="over how many days they are spread")
    parser.add_argument("--data", type=Path, help="folder that is kept; default: one that goes at the end")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started = Started()
    folder = given.data or Path(tempfile.mkdtemp(prefix="suture-sql-"))
    try:
        figures = measure(folder, given.decisions, given.days, given.seed)
    finally:
        if given.data is None:
            shutil.rmtree(folder)
    report({"questions": QUESTIONS, **figures}, started, seed=given.seed, packages=("duckdb", "pyarrow"))


if __name__ == "__main__":
    main()
