"""Places for journals, and stores that die at a step of their work."""

from itertools import count
from pathlib import Path, PurePath
from typing import IO

from feature_store.disk import Disk
from feature_store.store_s3 import S3Store
from feature_store.stores import LocalStore, Store, open_store
from infra.dev.s3 import S3Server


class CrashError(Exception):
    """The process died here."""


class Steps:
    """Counts steps and dies at the last."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self) -> None:
        self.left -= 1
        if self.left <= 0:
            raise CrashError


class CrashingDisk(Disk):
    """A real disk under a process that dies at its n-th step, leaving half of what it was writing."""

    def __init__(self, steps_left: int) -> None:
        self.steps = Steps(steps_left)

    def write(self, handle: IO[bytes], data: bytes) -> None:
        if self.steps.left <= 1:
            super().write(handle, data[: len(data) // 2])
        self.steps.take()
        super().write(handle, data)

    def sync(self, descriptor: int) -> None:  # noqa: ARG002  # a drill needs no durable medium
        self.steps.take()

    def rename(self, source: Path, target: Path) -> None:
        self.steps.take()
        super().rename(source, target)

    def remove(self, path: Path) -> None:
        self.steps.take()
        super().remove(path)


class CrashingBucket(S3Store):
    """A real bucket under a process that dies before its n-th request, or before it hears the answer."""

    def __init__(self, store: S3Store, steps_left: int) -> None:
        super().__init__(store.root, store.filesystem)
        self.steps = Steps(steps_left)

    def publish(self, path: PurePath, data: bytes) -> None:
        self.steps.take()
        super().publish(path, data)
        self.steps.take()

    def remove(self, path: PurePath) -> None:
        self.steps.take()
        super().remove(path)
        self.steps.take()


class Places:
    """Makes places for journals below a folder or a bucket's prefix."""

    def __init__(self, root: Path, server: S3Server | None) -> None:
        self._root = root
        self._server = server
        self._numbers = count()

    def new(self) -> Path:
        """Return a place that nobody else has."""
        return self._root / str(next(self._numbers))

    def folder_of(self, place: Path) -> Path:
        """Return the folder in which a place's files lie, so that a test may meddle with them."""
        if self._server is None:
            return place
        return self._server.folder / open_store(place).root.relative_to(self._server.bucket)

    def crashing(self, place: Path, steps_left: int) -> Store:
        """Return a store at a place that dies at its n-th step."""
        store = open_store(place)
        if isinstance(store, S3Store):
            return CrashingBucket(store, steps_left)
        return LocalStore(place, CrashingDisk(steps_left))
