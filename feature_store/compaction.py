"""Merging of small files: a file every few seconds is quick to show and slow to query."""

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from feature_store.disk import Disk
from feature_store.inventory import JournalFile, file_name
from feature_store.parquet import JournalFileError, merge

RUN = 32
"""So many small neighbours become one. Fewer rewrites more often; more leaves more files to open."""
_SMALL_BYTES = 1024 * 1024
"""Files of this size stay as they are; bounds what one merge reads and writes to 32 MiB."""
_GRACE = timedelta(minutes=10)
"""How long merged files stay for readers that have them open."""


class Compactor:
    """Merges the newest small files of a partition and day into one, and removes them later.

    The merged file appears first, under a name whose range covers the parts; whoever reads the
    folder leaves out a file within another's range. So a crash between the two steps doubles nothing.
    """

    def __init__(self, disk: Disk, clock: Callable[[], datetime], run: int = RUN) -> None:
        self._disk = disk
        self._run = run
        self._clock = clock
        self._runs: dict[int, list[JournalFile]] = {}
        self._doomed: deque[tuple[datetime, Path]] = deque()

    def load(self, partition: int, files: Iterable[JournalFile], superseded: Iterable[JournalFile]) -> None:
        """Start from what lies in the folder: go on with its last run; superseded files go later."""
        self._runs[partition] = []
        for file in files:
            self._extend(file)
        self._doom(superseded)

    def add(self, file: JournalFile) -> Path | None:
        """Take a newly written file; merge its run when that is long enough, and return the merged file."""
        self._remove_doomed()
        run = self._extend(file)
        if len(run) < self._run:
            return None
        path = file.path.with_name(file_name(file.partition, run[0].first, run[-1].last))
        try:
            data = merge([part.path for part in run])
        except JournalFileError:
            # Somebody damaged or removed a part: the others stay, and the next inventory names it.
            self._runs[file.partition] = []
            return None
        self._disk.publish(path, data)
        self._doom(run)
        self._runs[file.partition] = []
        self._extend(JournalFile(path, file.partition, run[0].first, run[-1].last))
        return path

    def _extend(self, file: JournalFile) -> list[JournalFile]:
        """Return the run of small neighbours that ends with a file."""
        run = self._runs.setdefault(file.partition, [])
        if run and (run[-1].last + 1 != file.first or run[-1].path.parent != file.path.parent):
            run.clear()
        if file.path.stat().st_size < _SMALL_BYTES:
            run.append(file)
        else:
            run.clear()
        return run

    def _doom(self, files: Iterable[JournalFile]) -> None:
        due_at = self._clock() + _GRACE
        self._doomed.extend((due_at, file.path) for file in files)

    def _remove_doomed(self) -> None:
        now = self._clock()
        while self._doomed and self._doomed[0][0] <= now:
            self._disk.remove(self._doomed.popleft()[1])
