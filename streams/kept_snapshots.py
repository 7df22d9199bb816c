"""Snapshots that are kept beside the archived log: a partition may be run again from one of them.

The topic of snapshots holds the two newest of each partition; one a day is kept here, in the same pieces.
When the log's beginning has expired, what was known by then is in them alone.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from feature_store.archive_files import (
    ArchiveFile,
    archive_files,
    archive_path,
    encode_records,
    read_archive_file,
)
from feature_store.stores import JournalPlace, Store, open_store
from schemas.records import Record
from streams.recording import ORDERED
from streams.snapshots import newest_snapshot

Place = tuple[str, int]
"""Topic, without an installation's prefix, and partition."""


class KeptSnapshots:
    """Snapshots in a folder or a bucket, one file each.

    Args:
        place: A folder, `s3://bucket/prefix`, or a store; one that does not exist is empty.
    """

    def __init__(self, place: JournalPlace | Store) -> None:
        self._store = open_store(place)

    def newest(self, place: Place, before: int) -> tuple[int | None, Sequence[Record]]:
        """Return the newest snapshot that holds no offset from `before` on: its position and its pieces.

        None and no pieces where there is none that this code can read.

        Raises:
            ArchiveFileError: a file cannot be read.
        """
        for file in reversed(self._files(place)):
            if file.last >= before:
                continue
            pieces = list(read_archive_file(self._store, file.path))
            if newest_snapshot(*place, pieces) is not None:
                return file.last, pieces
        return None, ()

    def keep(self, place: Place, records: Iterable[Record], now: datetime) -> bool:
        """Keep the newest whole snapshot among a partition's entries of the topic; say whether it is new.

        Raises:
            OSError: it could not be written.
        """
        entries = list(records)
        found = newest_snapshot(*place, entries)
        if found is None or any(file.last == found.position for file in self._files(place)):
            return False
        topic, partition = place
        position = str(found.position).encode()
        pieces = [
            record
            for record in entries
            if (record.key or b"").startswith(f"{topic}/{partition}/{found.slot}/".encode())
            and dict(record.headers).get("position") == position
        ]
        day = now.astimezone(UTC).date()
        path = archive_path(self._store.root, topic, day, partition, found.position, found.position)
        self._store.publish(path, encode_records(pieces))
        return True

    def is_due(self, place: Place, now: datetime) -> bool:
        """Return whether none of the partition was kept today."""
        today = now.astimezone(UTC).date()
        return all(file.day != today for file in self._files(place))

    def remove_older(self, keep: timedelta, now: datetime) -> None:
        """Remove what is older than this."""
        oldest = (now - keep).astimezone(UTC).date()
        for topic in ORDERED:
            for file in archive_files(self._store, topic):
                if file.day < oldest:
                    self._store.remove(file.path)

    def _files(self, place: Place) -> Sequence[ArchiveFile]:
        topic, partition = place
        return [file for file in archive_files(self._store, topic) if file.partition == partition]
