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
from pathlib import Path

from feature_store.compaction import RUN, Compactor
from feature_store.disk import Disk
from feature_store.inventory import JournalFile, file_name, take_inventory
from feature_store.parquet import Mark, Marks, encode, read_footer
from feature_store.rows import Row, row_of
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
    """

    next_offset: int | None = None
    marks: Marks = field(default_factory=dict)
    pending: list[Row] = field(default_factory=list)
    pending_bytes: int = 0
    unwritten_from: int | None = None
    oldest_at: datetime | None = None


class Journal:
    """Appends effects to Parquet files under a folder.

    Several journals may share the folder when each appends its own partitions; call `refresh` when
    a partition changes hands. A folder holds one Kafka cluster's effects topic.

    Args:
        root: The folder; created when missing.
        clock: The current time; only the age limit and the merging of files look at it.
        limits: When rows become a file.
        disk: How files are put in place.
        merge_after: So many small neighbouring files become one.
        log: Which Kafka the effects come from, such as its cluster id; "" does not say. The files keep it.

    Attributes:
        findings: What is odd in the folder, as sentences, as of the start or the last `refresh`.
        swept: Temporary files of a writer that died, removed at the start.

    Raises:
        LogReplacedError: the folder's files are of another log.
    """

    def __init__(
        self,
        root: Path,
        *,
        clock: Callable[[], datetime],
        limits: FlushLimits | None = None,
        disk: Disk | None = None,
        merge_after: int = RUN,
        log: str = "",
    ) -> None:
        self._root = root
        self._clock = clock
        self._log = log
        self._limits = limits or FlushLimits()
        self._disk = disk or Disk()
        self._partitions: dict[int, _Partition] = {}
        self._disk.make_folder(root)
        self.swept = self._disk.sweep(root)
        self._compactor = Compactor(self._disk, clock, merge_after)
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

    def flush_due(self) -> tuple[Path, ...]:
        """Write what has waited longer than the age limit; call it when the log is quiet, too."""
        now = self._clock()
        return self._flush(
            partition
            for partition, state in sorted(self._partitions.items())
            if state.oldest_at is not None and now - state.oldest_at >= self._limits.age
        )

    def flush(self) -> tuple[Path, ...]:
        """Write everything that waits, and return the files.

        Raises:
            OSError: a file could not be written; its rows stay in memory.
        """
        return self._flush(sorted(self._partitions))

    def _flush(self, partitions: Iterable[int]) -> tuple[Path, ...]:
        paths = [self._write(partition, self._partitions[partition]) for partition in list(partitions)]
        return tuple(path for path in paths if path is not None)

    def _refuse_news(self, effect: Effect, known: Mark, at_us: int) -> None:
        """Refuse to drop an effect as a repeat that cannot be one."""
        if known is not _NOTHING and at_us > known.newest_us + _NEWS_US:
            cause = effect.cause
            raise LogReplacedError(
                f"{cause.topic}/{cause.partition} tells at offset {cause.offset} of {said_at(effect.said)}, "
                f"but files in {self._root} hold it up to offset {known.offset} and nothing so late: the "
                "topic was created anew; move the folder away and start with an empty one"
            )

    def _hold(self, state: _Partition, row: Row) -> None:
        state.pending.append(row)
        state.pending_bytes += len(str(row["body"]))
        if state.oldest_at is None:
            state.oldest_at = self._clock()

    def _write(self, partition: int, state: _Partition) -> Path | None:
        """Write one partition's pending rows as a file."""
        if not state.pending:
            # Repeats alone make no file: they are read, and dropped, again after a restart.
            return None
        if state.unwritten_from is None or state.next_offset is None:
            raise AssertionError(f"partition {partition} has rows without offsets")
        path = self._folder(state.pending[0]) / file_name(
            partition, state.unwritten_from, state.next_offset - 1
        )
        self._disk.publish(path, encode(state.pending, state.marks, self._log))
        written = JournalFile(path, partition, state.unwritten_from, state.next_offset - 1)
        state.pending, state.pending_bytes = [], 0
        state.unwritten_from = state.oldest_at = None
        merged = self._compactor.add(written)
        return merged or path

    def _folder(self, row: Row) -> Path:
        """Return the folder of the day, in UTC, on which a file's first effect happened."""
        happened_at = row["happened_at"]
        if not isinstance(happened_at, datetime):
            raise TypeError(f"happened_at is {happened_at!r}, expected an instant")
        return self._root / f"day={happened_at.astimezone(UTC).date().isoformat()}"

    def _load(self, partitions: set[int] | None) -> None:
        """Read names and newest footers; of all partitions when None."""
        inventory = take_inventory(self._root)
        self.findings = inventory.findings
        with_files = {file.partition for file in inventory.files}
        for partition in sorted(with_files if partitions is None else partitions):
            self._partitions.pop(partition, None)
            files = inventory.of(partition)
            if files:
                newest = max(files, key=lambda file: file.last)
                footer = read_footer(newest.path)
                if self._log and footer.log and footer.log != self._log:
                    raise LogReplacedError(
                        f"{newest.path} is of log {footer.log}, expected {self._log}: move the folder away "
                        "and start with an empty one"
                    )
                self._partitions[partition] = _Partition(next_offset=newest.last + 1, marks=footer.marks)
            self._compactor.load(
                partition, files, [file for file in inventory.superseded if file.partition == partition]
            )
