"""What a journal's files cost: bytes an effect before and after compaction, and how long many of them take.

    python -m bench.journal_files --effects 20000 --files 10000 [--place s3://bucket/prefix]

Prints JSON. Effects are those of scripted releases: one opened, evidence for some minutes, a verdict, a
decision, an end. A file is flushed every `--flush` effects, as a quiet installation does.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from feature_store.chain_audit import audit_chain
from feature_store.file_names import ManifestName, Span, kind_file_name, manifest_name
from feature_store.inventory import take_inventory
from feature_store.journal import FlushLimits, Journal
from feature_store.kinds import Kind
from feature_store.retention import Retention
from feature_store.stores import open_store
from feature_store.views import connect
from schemas.effects import Effect
from schemas.judgements import VerdictKind
from schemas.orders import Playbook
from tests.feature_store.script import START, Script

_KINDS = 10
"""Kinds that a day of a partition has files of, in the count of many files."""


def effects_of(count: int) -> Iterator[Effect]:
    """Return effects of releases that are watched for twenty minutes each."""
    made = release = 0
    while made < count:
        script = Script(
            version=f"1.{release}.0",
            service=f"service-{release % 40}",
            first_offset=1_000 * release,
            start=START + timedelta(seconds=release),
        )
        script.opened()
        found = [
            script.evidence(minute=minute, log_e=0.3 * minute + release / 1e4, signal=signal)
            for minute in range(1, 7)
            for signal in ("errors", "latency")
        ]
        script.verdict(VerdictKind.HEALTHY, "quiet to the end", evidence=found[-2:], is_final=True)
        script.decision(Playbook.PROMOTE, "healthy to the end of its watch")
        script.closed("promoted", minute=20)
        for effect in script.effects[: count - made]:
            made += 1
            yield effect
        release += 1


def measure_sizes(place: Path, count: int, flush: int) -> dict[str, float]:
    """Write effects in small files, end the day, and return bytes an effect and seconds taken."""
    now = START + timedelta(hours=12)
    store = open_store(place)
    limits = FlushLimits(rows=flush, age=timedelta(days=1))
    journal = Journal(store, clock=lambda: now, limits=limits, merge_after=10**9)
    began = time.perf_counter()
    for start, effect in enumerate(effects_of(count)):
        journal.append(3, [(start, effect)])
    journal.flush()
    written_s = time.perf_counter() - began
    fresh = take_inventory(store).files
    now += timedelta(days=2)
    began = time.perf_counter()
    while journal.tidy([3], Retention()):
        pass
    compacted_s = time.perf_counter() - began
    inventory = take_inventory(store)
    manifests = sum(store.size(segment.path) or 0 for segment in inventory.segments)
    began = time.perf_counter()
    audited = audit_chain(store)
    audited_s = time.perf_counter() - began
    if audited.all_findings:
        raise AssertionError(audited.all_findings[0])
    return {
        "effects": count,
        "fresh_files": len(fresh),
        "fresh_bytes_per_effect": round(sum(file.size for file in fresh) / count, 1),
        "files_after": len(inventory.files),
        "bytes_per_effect_after": round(sum(file.size for file in inventory.files) / count, 1),
        "chain_bytes_per_effect": round(manifests / count, 1),
        "written_per_s": round(count / written_s),
        "compaction_s": round(compacted_s, 2),
        "audited_per_s": round(count / audited_s),
    }


def measure_many(root: Path, files: int) -> dict[str, float]:
    """Lay out a long journal of compacted days, and return how long an inventory of it takes.

    The files are copies of one of each kind, since only their names and sizes are looked at.
    """
    journal = Journal(root / "one", clock=lambda: START, merge_after=15)
    for offset, effect in enumerate(effects_of(15)):
        journal.append(3, [(offset, effect)])
        journal.flush()
    sample = take_inventory(root / "one").files[0].path
    data = open_store(root / "one").read(sample)
    kinds = [kind.value for kind in Kind][:_KINDS]
    many, made, day = root / "many", 0, 0
    while made < files:
        folder = many / f"day={(START + timedelta(days=day)).date().isoformat()}"
        for partition in range(12):
            span = Span(partition, day * 1000, day * 1000 + 999)
            for kind in kinds:
                path = folder / f"kind={kind}" / kind_file_name(span, day)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            name = ManifestName(span, 3, day, len(kinds), len(kinds) * len(data))
            (folder / manifest_name(name)).write_bytes(b"")
            made += len(kinds)
        day += 1
    began = time.perf_counter()
    inventory = take_inventory(many)
    inventory_s = time.perf_counter() - began
    if len(inventory.files) != made or inventory.findings:
        raise AssertionError(f"{len(inventory.files)} files count, expected {made}: {inventory.findings[:1]}")
    began = time.perf_counter()
    connect(many).close()
    return {
        "files": made,
        "days": day,
        "inventory_s": round(inventory_s, 3),
        "connect_s": round(time.perf_counter() - began, 3),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--effects", type=int, default=20_000)
    parser.add_argument("--flush", type=int, default=20)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--place", type=Path, help="where the sizes are measured; an empty folder or prefix")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = {
            "sizes": measure_sizes(given.place or Path(folder) / "sizes", given.effects, given.flush),
            "many": measure_many(Path(folder), given.files),
        }
    json.dump(measured, sys.stdout, indent=2)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
