"""A journal of any size, as compaction leaves it: made in whole columns, a day and a partition at a time.

The rows are those of `bench.sql_stories`; what varies (ids, services, instants, numbers) is put in where the
marks stand, in every column and in the JSON of the body. Ids are random, so they take as many bytes as real
ones. The chain's digests are not computed: `suture audit --chain` would not pass.
"""

import multiprocessing
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.sql_stories import DECIDED, ENDED, FIRST_BAD, ORDERED, STARTED, stories
from feature_store.chain import Chain, RecordKind, Tally
from feature_store.compaction import publish_manifest
from feature_store.file_names import Span, kind_file_name
from feature_store.manifests import KindFile, Manifest
from feature_store.parquet import encode_sorted, table_of
from feature_store.rows import Row, row_of
from feature_store.stores import LocalStore

FIRST_DAY = date(2026, 1, 1)
ENVIRONMENTS = ("prod", "staging", "dev")
"""Each says its decisions in a partition of its own."""
_ENVIRONMENT_SHARES = (0.6, 0.3, 0.1)
_SERVICES = 200
_DAY_US = 24 * 60 * 60 * 1_000_000
_INSTANTS = (STARTED, FIRST_BAD, DECIDED, ORDERED, ENDED)
_MARK = re.compile("|".join(["@\\w+@", *(re.escape(f"{one:%Y-%m-%dT%H:%M:%SZ}") for one in _INSTANTS)]))
_OFFSETS_A_DAY = 10_000_000

Column = Any  # pyarrow's stubs have no word for an array or a chunked one.


@dataclass(frozen=True, slots=True)
class Written:
    """What was generated: rows by kind, files, and their bytes by kind."""

    rows: Mapping[str, int]
    files: int
    bytes: Mapping[str, int]


def generate(root: Path, decisions: int, *, days: int, seed: int, processes: int = 2) -> Written:
    """Write a journal with so many decisions, and what goes with them.

    Args:
        root: The journal's folder; empty or missing.
        decisions: How many, at least one a day and environment on average.
        days: Over how many days they are spread evenly.
        seed: Of all that is drawn.
        processes: How many write at once.
    """
    parts = list(_parts(decisions, days))
    rows: dict[str, int] = {}
    sizes: dict[str, int] = {}
    files = 0
    # Not forked: a database's threads do not come along, and what is left of it would be cleared away.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        arguments = ([root] * len(parts), [seed] * len(parts), parts)
        for manifest in pool.map(_write_part, *arguments, chunksize=4):
            for file in manifest.files:
                rows[file.kind] = rows.get(file.kind, 0) + file.rows
                sizes[file.kind] = sizes.get(file.kind, 0) + file.size
                files += 1
    return Written(rows=rows, files=files, bytes=sizes)


def _parts(decisions: int, days: int) -> Iterator[tuple[int, int, int]]:
    """Yield day, partition and decisions of each part."""
    left = decisions
    shares = [(day, place) for day in range(days) for place in range(len(ENVIRONMENTS))]
    for number, (day, place) in enumerate(shares):
        count = round(decisions * _ENVIRONMENT_SHARES[place] / days) if number + 1 < len(shares) else left
        count = min(count, left)
        left -= count
        if count:
            yield day, place, count


def _write_part(root: Path, seed: int, part: tuple[int, int, int]) -> Manifest:
    day, partition, count = part
    draw = np.random.default_rng([seed, day, partition])
    store = LocalStore(root)
    folder = root / f"day={(FIRST_DAY + timedelta(days=day)).isoformat()}"
    tables = _tables(draw, day, partition, count)
    # Offsets without a row are allowed for: they are those of repeats.
    span = Span(partition, day * _OFFSETS_A_DAY, (day + 1) * _OFFSETS_A_DAY - 1)
    chain = Chain(seq=2 * day - 1)
    at = datetime.combine(FIRST_DAY + timedelta(days=day + 1), datetime.min.time(), UTC)
    unknown = {kind: Tally(len(table), "0" * 64) for kind, table in tables.items()}
    records = [chain.next(RecordKind.ROWS, span, at, unknown)]
    chain.add(records[0])
    records.append(chain.next(RecordKind.COMPACTED, span, at, {}, "level 1"))
    files, first = [], span.first
    for kind, table in sorted(tables.items()):
        offsets = pa.array(np.arange(first, first + len(table)))
        first += len(table)
        for name in ("log_offset", "cause_offset"):
            table = table.set_column(table.schema.get_field_index(name), name, offsets)
        data = encode_sorted(table)
        name = kind_file_name(span, records[-1].seq)
        store.publish(folder / f"kind={kind}" / name, data)
        files.append(KindFile(name=name, kind=kind, rows=len(table), size=len(data), newest_us=0))
    manifest = Manifest(span=span, level=1, files=tuple(files), marks={}, log="bench", records=tuple(records))
    publish_manifest(store, folder, manifest)
    return manifest


def _tables(draw: np.random.Generator, day: int, partition: int, count: int) -> dict[str, pa.Table]:
    """Return the rows of a part by kind."""
    told = stories()
    shares = np.array([story.share for story in told])
    pieces: dict[str, list[pa.Table]] = {}
    for story, releases in zip(told, draw.multinomial(count, shares / shares.sum()), strict=True):
        if releases:
            values = _values(draw, day, partition, int(releases))
            for effect in story.effects:
                row = row_of(partition, 0, effect)
                table = _filled(row, values, draw, int(releases))
                pieces.setdefault(str(row["kind"]), []).append(table)
    return {kind: pa.concat_tables(tables) for kind, tables in pieces.items()}


def _values(draw: np.random.Generator, day: int, partition: int, count: int) -> dict[str, Column]:
    """Return what stands for each mark, one value a release; instants as text and, by mark, as columns."""
    start = (FIRST_DAY - date(1970, 1, 1)).days + day
    decided = start * _DAY_US + draw.integers(0, _DAY_US // 1000, count) * 1000
    instants = {
        STARTED: decided - draw.integers(300, 3600, count) * 1_000_000,
        # Seconds from the first bad interval to the verdict: half within three minutes.
        FIRST_BAD: decided - (draw.lognormal(np.log(180.0), 0.6, count) * 1000).astype(np.int64) * 1000,
        DECIDED: decided,
        ORDERED: decided + draw.integers(1, 900, count) * 1_000_000,
        ENDED: decided + draw.integers(900, 960, count) * 1_000_000,
    }
    # A few services are released often, most of them now and then.
    weights = 1.0 / np.arange(1, _SERVICES + 1) ** 0.7
    names = pa.array([f"service-{number:03d}" for number in range(_SERVICES)])
    service = names.take(_places(draw.choice(_SERVICES, count, p=weights / weights.sum())))
    environment = pa.repeat(ENVIRONMENTS[partition], count)
    version = _joined("1.", _numbers(draw, 0, 60, count), ".", _numbers(draw, 0, 90, count))
    values = {
        "@service@": service,
        "@environment@": environment,
        "@version@": version,
        "@release@": _joined(environment, "-", service, "-", version, "-", _hex(draw, count, 8)),
        "@old@": _hex(draw, count, 5),
        "@new@": _hex(draw, count, 5),
        "@commit@": _hex(draw, count, 40),
        "@run@": _numbers(draw, 1, 1_000_000, count),
        "@level@": _joined(_numbers(draw, 0, 9, count), ".", _numbers(draw, 10, 99, count)),
        "@requests@": _joined(_numbers(draw, 1, 90, count), ",", _numbers(draw, 100, 999, count)),
    }
    for name in ("verdict", "decision", "hold", "denial", "command", "outcome"):
        values[f"@{name}@"] = _uuids(draw, count)
    for mark, microseconds in instants.items():
        column = pa.array(microseconds, type=pa.timestamp("us", tz="UTC"))
        values[mark.isoformat()] = column
        milliseconds: Column = column.cast(pa.timestamp("ms", tz="UTC"))
        values[f"{mark:%Y-%m-%dT%H:%M:%SZ}"] = _joined(
            pc.strftime(milliseconds, format="%Y-%m-%dT%H:%M:%S"), "Z"
        )
    return values


def _filled(row: Row, values: Mapping[str, Column], draw: np.random.Generator, count: int) -> pa.Table:
    """Return a row so many times, with values where its marks stand."""
    one = table_of([row])
    columns = []
    for field in one.schema:
        cell = row.get(field.name)
        if field.name == "effect_id":
            columns.append(_uuids(draw, count))
        elif isinstance(cell, datetime):
            columns.append(values[cell.isoformat()])
        elif isinstance(cell, str) and _MARK.search(cell):
            columns.append(_joined(*_pieces(cell, values)))
        elif cell is None:
            columns.append(pa.nulls(count, field.type))
        else:
            columns.append(pa.repeat(pa.scalar(cell, field.type), count))
    return pa.Table.from_arrays(columns, schema=one.schema)


def _pieces(text: str, values: Mapping[str, Column]) -> list[Column]:
    """Return a text cut at its marks, with what stands for them."""
    pieces: list[Column] = []
    end = 0
    for found in _MARK.finditer(text):
        pieces += [text[end : found.start()], values[found.group()]]
        end = found.end()
    return [*pieces, text[end:]]


def _joined(*parts: Column) -> Column:
    """Return texts one behind the other; a part is a column or a text that is the same in every row."""
    return pc.binary_join_element_wise(*parts, "")


def _numbers(draw: np.random.Generator, low: int, high: int, count: int) -> Column:
    return pc.cast(pa.array(draw.integers(low, high, count)), pa.string())


def _places(numbers: "np.ndarray[Any, np.dtype[np.int64]]") -> Column:
    return pa.array(numbers, type=pa.int64())


_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


def _hex(draw: np.random.Generator, count: int, width: int) -> Column:
    return _texts(_HEX[draw.integers(0, 16, (count, width), dtype=np.uint8)])


def _uuids(draw: np.random.Generator, count: int) -> Column:
    letters = _HEX[draw.integers(0, 16, (count, 36), dtype=np.uint8)]
    letters[:, [8, 13, 18, 23]] = ord("-")
    return _texts(letters)


def _texts(letters: "np.ndarray[Any, np.dtype[np.uint8]]") -> Column:
    """Return the rows of a matrix of ASCII letters as texts."""
    count, width = letters.shape
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(
        count, pa.py_buffer(offsets.tobytes()), pa.py_buffer(letters.tobytes())
    )
