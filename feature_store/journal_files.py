"""The journal's files as DuckDB sees them: to be read, by names of their own, and nothing beside them.

DuckDB is left with this file system alone. Its own lock would not do: what it may read by `allowed_paths`
it may write, too, even within a SELECT (`WITH x AS (COPY ... TO 'file' (USE_TMP_FILE false)) SELECT ...`).

Source: fsspec's AbstractFileSystem; DuckDB, "Securing DuckDB", and what its version 2.0 did when tried.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import PurePath
from threading import Lock, local
from typing import Any

import pyarrow.parquet as pq
from fsspec import AbstractFileSystem
from pyarrow import NativeFile
from pyarrow.fs import FileSystem

SCHEME = "journal"
_WRITTEN_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""Files never change under their names, so when one was written says nothing to a cache."""


class JournalFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec is untyped
    """A file system of some files that can be opened for reading, and of nothing else.

    Args:
        filesystem: Where the files lie.
        root: The folder or prefix that all of them lie below; their names here leave it out.
        paths: The files.
    """

    protocol = SCHEME
    cachable = False

    def __init__(self, filesystem: FileSystem, root: PurePath, paths: Iterable[PurePath]) -> None:
        super().__init__()
        self._filesystem = filesystem
        self._paths = {path.relative_to(root).as_posix(): path.as_posix() for path in paths}
        self._sizes: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        """Return the names of all files here, in the order given."""
        return list(self._paths)

    def columns(self, name: str) -> int:
        """Return how many columns a file has, by its name here, without reading its rows."""
        with self._filesystem.open_input_file(self._path(name)) as file:
            return pq.read_metadata(file).num_columns

    def _open(self, path: str, mode: str = "rb", **_options: Any) -> "_SharedFile":
        """Open a file for reading.

        Raises:
            PermissionError: for anything but reading.
            FileNotFoundError: it is not one of these files.
        """
        if mode != "rb":
            raise PermissionError(f"{path} is the journal's, which is only read here")
        where = self._path(path)
        return _SharedFile(lambda: self._filesystem.open_input_file(where), self._size(where))

    def info(self, path: str, **_options: Any) -> dict[str, Any]:
        """Return name, type and size in bytes of a file."""
        return {"name": _name(path), "type": "file", "size": self._size(self._path(path))}

    def modified(self, path: str) -> datetime:
        """Return an instant that is the same for every file."""
        self._path(path)
        return _WRITTEN_ONCE

    def exists(self, path: str, **_options: Any) -> bool:
        """Return whether a file is one of these."""
        return _name(path) in self._paths

    def glob(self, path: str, **_options: Any) -> list[str]:
        """Return a file by its whole name: a pattern matches nothing."""
        return [_name(path)] if self.exists(path) else []

    def _size(self, where: str) -> int:
        """Return a file's size in bytes, looked up once: files never change under their names.

        Raises:
            FileNotFoundError: it is gone.
        """
        size = self._sizes.get(where)
        if size is None:
            found = self._filesystem.get_file_info(where)
            if found.size is None:
                raise FileNotFoundError(f"{where} is gone, or no file")
            size = self._sizes[where] = found.size
        return size

    def _path(self, path: str) -> str:
        try:
            return self._paths[_name(path)]
        except KeyError:
            raise FileNotFoundError(f"{path} is not a file of the journal") from None


class _SharedFile:
    """An open file that several threads read, each from where it went last.

    DuckDB goes to a place and reads there in two calls, from several threads of one query on one file: a
    place that they shared would be another's by the time of the second call.
    """

    def __init__(self, open_file: Callable[[], NativeFile], size: int) -> None:
        self._open_file = open_file
        self._file: NativeFile | None = None
        self._opening = Lock()
        self._size = size
        self._own = local()

    @property
    def size(self) -> int:
        """Return how many bytes the file has."""
        return self._size

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place, for this thread alone."""
        self._own.place = offset + (0, self.tell(), self._size)[whence]
        return self.tell()

    def tell(self) -> int:
        """Return the place that this thread went to."""
        return int(getattr(self._own, "place", 0))

    def read(self, count: int = -1) -> bytes:
        """Return bytes from this thread's place on, and go behind them; all the rest for -1."""
        count = self._size - self.tell() if count < 0 else count
        data = self._opened().read_at(count, self.tell())  # type: ignore[call-arg]  # the stubs give it no place
        self._own.place = self.tell() + len(data)
        return data

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that places can be gone to."""
        return True

    def flush(self) -> None:
        """Do nothing: nothing is written."""

    def close(self) -> None:
        """Close the file for all threads."""
        if self._file is not None:
            self._file.close()

    def _opened(self) -> NativeFile:
        # Most are asked for their size alone: what DuckDB has read once it keeps.
        with self._opening:
            if self._file is None:
                self._file = self._open_file()
            return self._file


def _name(path: str) -> str:
    return path.removeprefix(f"{SCHEME}://")
