"""Where the journal's files lie: a folder of this machine, or a bucket that speaks S3's protocol.

A store publishes whole objects: whoever lists or reads it sees an object whole, or not at all. Paths
begin with the store's root, so that the path of a file alone tells where it is, in messages too.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Protocol

from pyarrow.fs import FileSystem, LocalFileSystem

from feature_store.disk import Disk

JournalPlace = Path | str
"""A folder, or `s3://bucket/prefix`."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One whole object, and its size in bytes."""

    path: PurePath
    size: int


class Store(Protocol):
    """Keeps whole objects under a root. All methods may raise OSError: it cannot be reached, is full, ..."""

    @property
    def root(self) -> PurePath:
        """Return what every path begins with."""

    @property
    def filesystem(self) -> FileSystem:
        """Return what opens a path of this store for Arrow and DuckDB."""

    def list(self, folder: PurePath) -> Sequence[StoredObject]:
        """Return the whole objects at or below a folder, by path; none when there is no such folder."""

    def publish(self, path: PurePath, data: bytes) -> None:
        """Put an object in place, whole or not at all; replaces one of that name.

        After an OSError the object may be in place or not.
        """

    def read(self, path: PurePath) -> bytes:
        """Return an object's bytes.

        Raises:
            FileNotFoundError: there is none of that name.
        """

    def size(self, path: PurePath) -> int | None:
        """Return an object's size in bytes; None when there is none of that name."""

    def remove(self, path: PurePath) -> None:
        """Remove an object, if it is there."""

    def sweep(self) -> Sequence[PurePath]:
        """Remove what writers that died left half-written, and return it."""


class LocalStore:
    """A folder. What was published outlives a power cut (see `feature_store.disk`)."""

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        self._root = root
        self._disk = disk or Disk()
        self._filesystem = LocalFileSystem()

    @property
    def root(self) -> Path:
        """Return the folder."""
        return self._root

    @property
    def filesystem(self) -> LocalFileSystem:
        """Return the machine's file system."""
        return self._filesystem

    def list(self, folder: PurePath) -> list[StoredObject]:
        """Return the whole files at or below a folder, by path; names that begin with a dot are left out."""
        found: list[StoredObject] = []
        folders = [str(folder)]
        while folders:
            try:
                with os.scandir(folders.pop()) as entries:
                    for entry in entries:
                        if entry.name.startswith("."):
                            continue
                        if entry.is_dir():
                            folders.append(entry.path)
                        else:
                            found.append(StoredObject(Path(entry.path), entry.stat().st_size))
            except FileNotFoundError:
                continue  # Removed between listing and reading.
        return sorted(found, key=lambda each: each.path.as_posix())

    def publish(self, path: PurePath, data: bytes) -> None:
        """Put a file in place by an atomic rename."""
        self._disk.publish(Path(path), data)

    def read(self, path: PurePath) -> bytes:
        """Return a file's bytes."""
        return Path(path).read_bytes()

    def size(self, path: PurePath) -> int | None:
        """Return a file's size, None when it is missing."""
        try:
            return Path(path).stat().st_size
        except FileNotFoundError:
            return None

    def remove(self, path: PurePath) -> None:
        """Remove a file, if it is there."""
        self._disk.remove(Path(path))

    def sweep(self) -> tuple[Path, ...]:
        """Remove temporary files of writers that died; creates the folder where it is missing."""
        self._disk.make_folder(self._root)
        return self._disk.sweep(self._root)


def open_store(place: "JournalPlace | Store", environ: Mapping[str, str] | None = None) -> Store:
    """Return the store at a place; a store stands for itself.

    Args:
        place: A folder, or `s3://bucket/prefix`; a path that was made of such an address will do.
        environ: Where `AWS_ENDPOINT_URL` is looked up; by default the process' own. The other variables
            that name AWS (keys, region, profile, role) are read by its client.

    Raises:
        SettingsError: the address names no bucket, or carries a key.
    """
    if not isinstance(place, (Path, str)):
        return place
    bucket = bucket_of(place)
    if bucket is None:
        return LocalStore(Path(place))
    # Imported late: S3's client starts threads, which a folder does not need.
    from feature_store.store_s3 import S3Store

    return S3Store.at(bucket, os.environ if environ is None else environ)


def bucket_of(place: JournalPlace) -> str | None:
    """Return bucket and prefix that a place names, None when it is a folder.

    >>> bucket_of("s3://logs/suture"), bucket_of(Path("s3://logs/suture")), bucket_of(Path("journal"))
    ('logs/suture', 'logs/suture', None)
    """
    # A path keeps one of the two slashes.
    scheme, slash, rest = str(place).partition("/")
    return rest.lstrip("/") if scheme == "s3:" and slash else None
