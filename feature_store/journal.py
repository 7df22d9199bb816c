"""The journal: every effect, once, in append-only Parquet files that outlive any crash.

A file's name says which offsets of the effects topic it holds, and it appears in one atomic rename:
where to go on is read from the names, never from a commit. What was in memory at a crash is read
again from the log. The engine says some effects again after a restart, with the same cause and
index; along one cause partition that pair rises, so what is not higher than the highest kept is a
repeat and is dropped.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import PurePath

from feature_store.chain import Chain, RecordKind
from feature_store.compaction import RUN
from feature_store.file_names import Span, file_name
from feature_store.inventory import JournalFile, Segment, take_inventory
from feature_store.marks import Mark, Marks
from feature_store.parquet import encode, table_of
from feature_store.partition_files import read_end
from feature_store.retention import Retention
from feature_store.row_digests import tallies_by_kind
from feature_store.rows import Row, row_of
from feature_store.stores import JournalPlace, Store, open_store
from feature_store.upkeep import Upkeep
from schemas.effect_messages import said_at
from schemas.effects import Effect
from schemas.errors import SutureError
from schemas.instants import EPOCH

_NEWS_US = 10 * 60 * 1_000_000
"""A supposed repeat that is newer by this than all that is kept is no repeat. A true one is never newer;
the margin is for another code version, which may say at a cause what its elder did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushLimits:
    """When rows in memory become a file.

    Attributes:
        rows: So many rows of one partition. More makes fewer files and holds more memory; one call's
            rows stay together.
        body_bytes: So many bytes of JSON of one partition; bounds memory when effects are large.
        age: So long after the first of them came. Shorter shows effects to SQL sooner and makes more
            files; they are merged later.
    """

    rows: int = 10_000
    body_bytes: int = 16 * 1024 * 1024
    age: timedelta = timedelta(seconds=2)


class LogReplacedError(SutureError):
    """The log is another one than the files are of: dropping its effects as repeats would lose them."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of appended effects.

    Attributes:
        kept: Effects that are new.
        repeats: Effects that the journal had already.
        missing: Offsets between the last one known and the first one given: expired in the log.
    """

    kept: int
    repeats: int
    missing: int


_NOTHING = Mark(-1, -1, 0)


def _microseconds(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)


@dataclass(slots=True)
class _Partition:
    """One partition of the effects topic.

    Attributes:
        next_offset: Lowest offset that was not appended yet; None before the first.
        unwritten_from: First appended offset that no file holds; None when all are held.
        oldest_at: When the oldest pending row came, by the clock.
        chain: The end of its chain.
    """

    next_offset: int | None = None
    marks: Marks = field(default_factory=dict)
    pending: list[Row] = field(default_factory=list)
    pending_bytes: int = 0
    unwritten_from: int | None = None
    oldest_at: datetime | None = None
    chain: Chain = field(default_factory=Chain)


class Journal:
    """Appends effects to Parquet files in a folder or a bucket.

    Several journals may share a place when each appends its own partitions; call `refresh` when
    a partition changes hands. A place holds one Kafka cluster's effects topic.

    Args:
        place: A folder, `s3://bucket/prefix`, or a store. A folder is created when missing, a bucket is not.
        clock: The current time; only the age limit and the merging of files look at it.
        limits: When rows become a file.
        merge_after: So many fresh neighbouring files are rewritten as one file a kind.
        log: Which Kafka the effects come from, such as its cluster id; "" does not say. The files keep it.

    Attributes:
        findings: What is odd in the folder, as sentences, as of the start or the last `refresh`.
        swept: Temporary files of a writer that died, removed at the start.

    Raises:
        LogReplacedError: the folder's files are of another log.
    """

    def __init__(
        self,
        place: JournalPlace | Store,
        *,
        clock: Callable[[], datetime],
        limits: FlushLimits | None = None,
        merge_after: int = RUN,
        log: str = "",
    ) -> None:
        self._store = open_store(place)
        self._clock = clock
        self._log = log
        self._limits = limits or FlushLimits()
        self._partitions: dict[int, _Partition] = {}
        self.swept = tuple(self._store.sweep())
        self._upkeep = Upkeep(self._store, clock, merge_after)
        self.findings: tuple[str, ...] = ()
        self._load(None)

    @property
    def pending(self) -> int:
        """Return how many rows wait in memory."""
        return sum(len(state.pending) for state in self._partitions.values())

    def resume_offsets(self) -> dict[int, int]:
        """Return, per partition that has files, the offset to read next."""
        return {
            partition: state.next_offset if state.unwritten_from is None else state.unwritten_from
            for partition, state in sorted(self._partitions.items())
            if state.next_offset is not None
        }

    def refresh(self, partitions: Iterable[int]) -> None:
        """Forget what is in memory of partitions and look at their files again.

        Call it for partitions that were taken away or assigned: another journal may have gone on with them.
        """
        self._load(set(partitions))

    def heads(self) -> dict[int, tuple[int, str]]:
        """Return, per partition that has a chain, the number and the hash of its newest record."""
        return {
            partition: (state.chain.seq, state.chain.head)
            for partition, state in sorted(self._partitions.items())
            if state.chain.seq >= 0
        }

    def tidy(self, partitions: Iterable[int], retention: Retention) -> int:
        """Rewrite what is left of days that are over, and apply retention; call it now and then.

        Args:
            partitions: Those that this journal appends, and no other.
            retention: How long which kinds are kept.

        Returns:
            How many steps it took; when there were any, there may be more to do.

        Raises:
            OSError: the store failed; what is in place counts.
        """
        inventory = take_inventory(self._store)
        steps = 0
        for partition in sorted(set(partitions)):
            if not inventory.of(partition):
                continue
            state = self._partitions.setdefault(partition, _Partition())
            self._settle(partition, state)
            taken = self._upkeep.tidy(partition, inventory, state.chain, retention)
            if taken:
                self._upkeep.load(partition, take_inventory(self._store))
            steps += taken
        return steps

    def append(self, partition: int, rows: Sequence[tuple[int, Effect]]) -> Appended:
        """Take effects with their offsets, in the log's order; write files when a limit is reached.

        An offset below the one expected is a repeat. Nothing is durable before it is flushed.

        Raises:
            OSError: a file could not be written; the rows stay in memory and the next flush tries again.
            LogReplacedError: what counts as a repeat is newer than all that is kept.
        """
        state = self._partitions.setdefault(partition, _Partition())
        kept = repeats = missing = 0
        for offset, effect in rows:
            cause, at_us = (effect.cause.topic, effect.cause.partition), _microseconds(said_at(effect.said))
            known = state.marks.get(cause, _NOTHING)
            if state.next_offset is not None and offset < state.next_offset:
                self._refuse_news(effect, known, at_us)
                repeats += 1
                continue
            if state.next_offset is not None:
                missing += offset - state.next_offset
            state.next_offset = offset + 1
            if state.unwritten_from is None:
                state.unwritten_from = offset
            if (effect.cause.offset, effect.index) <= (known.offset, known.index):
                self._refuse_news(effect, known, at_us)
                repeats += 1
                continue
            state.marks[cause] = Mark(effect.cause.offset, effect.index, max(at_us, known.newest_us))
            self._hold(state, row_of(partition, offset, effect))
            kept += 1
        # All rows are taken before a write may fail: a caller that goes on after an error loses none.
        if len(state.pending) >= self._limits.rows or state.pending_bytes >= self._limits.body_bytes:
            self._write(partition, state)
        self.flush_due()
        return Appended(kept, repeats, missing)

    def flush_due(self) -> tuple[PurePath, ...]:
        """Write what has waited longer than the age limit; call it when the log is quiet, too."""
        now = self._clock()
        return self._flush(
            partition
            for partition, state in sorted(self._partitions.items())
            if state.oldest_at is not None and now - state.oldest_at >= self._limits.age
        )

    def flush(self) -> tuple[PurePath, ...]:
        """Write everything that waits, and return the files.

        Raises:
            OSError: a file could not be written; its rows stay in memory.
        """
        return self._flush(sorted(self._partitions))

    def _flush(self, partitions: Iterable[int]) -> tuple[PurePath, ...]:
        paths = [self._write(partition, self._partitions[partition]) for partition in list(partitions)]
        return tuple(path for path in paths if path is not None)

    def _refuse_news(self, effect: Effect, known: Mark, at_us: int) -> None:
        """Refuse to drop an effect as a repeat that cannot be one."""
        if known is not _NOTHING and at_us > known.newest_us + _NEWS_US:
            cause = effect.cause
            raise LogReplacedError(
                f"{cause.topic}/{cause.partition} tells at offset {cause.offset} of {said_at(effect.said)}, "
                f"but files in {self._store.root} hold it up to offset {known.offset} and nothing so late: "
                "the topic was created anew; move the folder away and start with an empty one"
            )

    def _hold(self, state: _Partition, row: Row) -> None:
        state.pending.append(row)
        state.pending_bytes += len(str(row["body"]))
        if state.oldest_at is None:
            state.oldest_at = self._clock()

    def _write(self, partition: int, state: _Partition) -> PurePath | None:
        """Write one partition's pending rows as a file, with the record of them in the chain."""
        if not state.pending:
            # Repeats alone make no file: they are read, and dropped, again after a restart.
            return None
        if state.unwritten_from is None or state.next_offset is None:
            raise AssertionError(f"partition {partition} has rows without offsets")
        self._settle(partition, state)
        span = Span(partition, state.unwritten_from, state.next_offset - 1)
        path = self._folder(state.pending[0]) / file_name(partition, span.first, span.last)
        table = table_of(state.pending)
        record = state.chain.next(RecordKind.ROWS, span, self._clock(), tallies_by_kind(table))
        data = encode(table, state.marks, self._log, record.to_json())
        self._store.publish(path, data)
        state.chain.add(record)
        state.pending, state.pending_bytes = [], 0
        state.unwritten_from = state.oldest_at = None
        file = JournalFile(path, partition, span.first, span.last, size=len(data))
        return self._upkeep.add(Segment(span, path, (file,)), state.chain).path

    def _settle(self, partition: int, state: _Partition) -> None:
        """Look up the end of a chain after an error that left it in doubt."""
        if state.chain.is_doubtful:
            inventory = take_inventory(self._store)
            state.chain = read_end(self._store, inventory.of(partition)).chain
            # What was thought to have failed may be in place, and its parts with it.
            self._upkeep.load(partition, inventory)

    def _folder(self, row: Row) -> PurePath:
        """Return the folder of the day, in UTC, on which a file's first effect happened."""
        happened_at = row["happened_at"]
        if not isinstance(happened_at, datetime):
            raise TypeError(f"happened_at is {happened_at!r}, expected an instant")
        return self._store.root / f"day={happened_at.astimezone(UTC).date().isoformat()}"

    def _load(self, partitions: set[int] | None) -> None:
        """Read names and what is newest; of all partitions when None."""
        inventory = take_inventory(self._store)
        self.findings = inventory.findings
        with_files = {segment.span.partition for segment in inventory.segments}
        for partition in sorted(with_files if partitions is None else partitions):
            self._partitions.pop(partition, None)
            segments = inventory.of(partition)
            if segments:
                end = read_end(self._store, segments)
                if self._log and end.log and end.log != self._log:
                    raise LogReplacedError(
                        f"{end.path} is of log {end.log}, expected {self._log}: move the folder away "
                        "and start with an empty one"
                    )
                self._partitions[partition] = _Partition(
                    next_offset=end.last + 1, marks=end.marks, chain=end.chain
                )
            self._upkeep.load(partition, inventory)
