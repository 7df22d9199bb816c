"""Upkeep of a journal's files: compaction as they come, the end of days, retention, and removal later."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import PurePath

from feature_store.chain import Chain
from feature_store.compaction import FAN, LARGEST, RUN, compact, due, follows, neighbours
from feature_store.expiry import expire, may_expire
from feature_store.inventory import Inventory, Segment, take_inventory
from feature_store.parquet import JournalFileError
from feature_store.retention import Retention
from feature_store.stores import Store

GRACE = timedelta(minutes=10)
"""How long merged files stay for readers that have them open."""
_SETTLED = timedelta(hours=1)
"""A day is over so long after midnight: what came late has come."""
_STEPS = 8
"""So many compactions and removals in one go, so that appending waits seconds at most."""


class Upkeep:
    """Keeps the files of partitions few and sorted, and removes what counts no longer.

    What is removed waits for ten minutes, and is looked up again: nothing goes that an inventory counts.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime], run: int = RUN, fan: int = FAN) -> None:
        self._store = store
        self._clock = clock
        self._run = run
        self._fan = fan
        self._ends: dict[int, list[Segment]] = {}
        self._doomed: deque[tuple[datetime, int, PurePath]] = deque()

    def load(self, partition: int, inventory: Inventory) -> None:
        """Start from what lies there: go on with the last neighbours; what is superseded goes later."""
        runs = neighbours(inventory.of(partition))
        self._ends[partition] = runs[-1] if runs else []
        self._doomed = deque(each for each in self._doomed if each[1] != partition)
        self._doom(partition, [path for owner, path in inventory.superseded if owner == partition])

    def add(self, segment: Segment, chain: Chain) -> Segment:
        """Take a fresh file and merge what has become due; return what holds its offsets now.

        Raises:
            OSError: the store failed; the fresh file is in place.
        """
        self._remove_doomed()
        end = self._ends.setdefault(segment.span.partition, [])
        if end and not (end[-1].day == segment.day and follows(end[-1], segment)):
            end.clear()
        end.append(segment)
        while (start := due(end, self._run, self._fan)) is not None:
            parts = end[start:]
            try:
                end[start:] = [self._compact(chain, parts)]
            except JournalFileError:
                # Somebody damaged or removed a part: the others stay, and the next inventory names it.
                end.clear()
                return segment
        return end[-1]

    def tidy(self, partition: int, inventory: Inventory, chain: Chain, retention: Retention) -> int:
        """Merge what is left of days that are over, then apply retention; return how many steps it took.

        Raises:
            OSError: the store failed; what is in place counts.
        """
        self._remove_doomed()
        segments = inventory.of(partition)
        today = (self._clock() - _SETTLED).date().isoformat()
        steps = 0
        for parts in _left_over(run for run in neighbours(segments) if run[0].day < f"day={today}"):
            if steps < _STEPS:
                steps += self._try(partial(self._compact, chain, parts))
        if steps:
            # Retention goes by what lies there now.
            return steps
        for segment in segments:
            if steps < _STEPS and may_expire(segment, retention, self._clock()):
                steps += self._try(partial(self._expire, chain, segment, retention))
        return steps

    def _try(self, step: Callable[[], Segment | None]) -> int:
        try:
            return 1 if step() else 0
        except JournalFileError:
            # Damaged, or merged a moment ago: the next inventory says which.
            return 0

    def _compact(self, chain: Chain, parts: Sequence[Segment]) -> Segment:
        merged = compact(self._store, chain, parts, self._clock)
        self._doom(merged.span.partition, [path for part in parts for path in part.paths])
        return merged

    def _expire(self, chain: Chain, segment: Segment, retention: Retention) -> Segment | None:
        left = expire(self._store, chain, segment, retention, self._clock)
        if left is not None:
            kept = set(left.paths)
            self._doom(segment.span.partition, [path for path in segment.paths if path not in kept])
        return left

    def _doom(self, partition: int, paths: Iterable[PurePath]) -> None:
        due_at = self._clock() + GRACE
        self._doomed.extend((due_at, partition, path) for path in paths)

    def _remove_doomed(self) -> None:
        now = self._clock()
        ended: list[PurePath] = []
        while self._doomed and self._doomed[0][0] <= now:
            ended.append(self._doomed.popleft()[2])
        live: dict[str, set[PurePath]] = {}
        for path in ended:
            day = path.relative_to(self._store.root).parts[0]
            if day not in live:
                counting = take_inventory(self._store, day).segments
                live[day] = {each for segment in counting for each in segment.paths}
            if path not in live[day]:
                self._store.remove(path)


def _left_over(runs: Iterable[Sequence[Segment]]) -> Iterable[Sequence[Segment]]:
    """Return the slices of runs of neighbours that are to be merged, each small enough for one step."""
    for run in runs:
        start, size = 0, 0
        slices = []
        for index, segment in enumerate(run):
            if index > start and size + segment.size > LARGEST:
                slices.append(run[start:index])
                start, size = index, 0
            size += segment.size
        slices.append(run[start:])
        yield from (parts for parts in slices if len(parts) > 1 or not parts[0].level)
