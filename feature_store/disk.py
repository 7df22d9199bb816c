"""Files that are there whole or not at all, also when the process or the machine dies half-way."""

import fcntl
import os
from pathlib import Path
from typing import IO

_TEMPORARY = ".tmp"


class Disk:
    """Publishes whole files. The steps are methods of their own so that a test can die at each of them.

    A temporary file stays locked while its writer lives: a leftover is one whose lock is free. So
    several journals may share a folder, and none sweeps away what another is writing.
    """

    def publish(self, path: Path, data: bytes) -> None:
        """Put a file in place: temporary name, fsync, atomic rename, fsync of the folder.

        Replaces a file of that name.

        Raises:
            OSError: the disk is full, the folder is gone, and the like; nothing is in place then, or all.
        """
        self.make_folder(path.parent)
        temporary = path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")
        with temporary.open("wb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self.write(handle, data)
            self.sync(handle.fileno())
            self.rename(temporary, path)
        self.sync_folder(path.parent)

    def make_folder(self, folder: Path) -> None:
        """Create a folder that outlives a power cut; its parents, too."""
        if folder.is_dir():
            return
        self.make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        self.sync_folder(folder.parent)

    def write(self, handle: IO[bytes], data: bytes) -> None:
        """Write all bytes and hand them to the operating system."""
        handle.write(data)
        handle.flush()

    def sync(self, descriptor: int) -> None:
        """Wait until the medium has it."""
        os.fsync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file its name; atomic on a POSIX file system."""
        source.replace(target)

    def sync_folder(self, folder: Path) -> None:
        """Wait until the medium has the folder's names."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def sweep(self, root: Path) -> tuple[Path, ...]:
        """Remove temporary files whose writer is gone, and return them."""
        swept = []
        for path in sorted(root.glob(f"**/.*{_TEMPORARY}")):
            try:
                handle = path.open("rb")
            except FileNotFoundError:
                continue  # Its writer gave it its name just now.
            with handle:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                # A writer that has opened but not locked it yet fails at its rename and tries again.
                self.remove(path)
                swept.append(path)
        return tuple(swept)
