"""A journal's process for a test to kill: consumes a log that a seed makes, and prints a line a step."""

import random
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from feature_store.disk import Disk
from feature_store.journal import FlushLimits, Journal
from feature_store.stores import LocalStore
from schemas.effects import Effect
from schemas.keys import EnvironmentName, ReleaseId
from schemas.observations import LogPosition, ReleaseClosed

START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
Log = Sequence[tuple[int, Effect]]


class TalkingDisk(Disk):
    """A disk that says when a step begins, so that whoever listens can kill in its midst."""

    def write(self, handle: IO[bytes], data: bytes) -> None:
        for start in range(0, len(data), 4096):
            self._say()
            super().write(handle, data[start : start + 4096])

    def sync(self, descriptor: int) -> None:
        self._say()
        super().sync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        self._say()
        super().rename(source, target)

    def remove(self, path: Path) -> None:
        self._say()
        super().remove(path)

    def _say(self) -> None:
        sys.stdout.write("step\n")
        sys.stdout.flush()


def make_log(seed: int, count: int) -> Log:
    """Return a log of about `count` effects; every now and then the engine says a range again."""
    draw = random.Random(seed)
    log: list[tuple[int, Effect]] = []
    cause = 0
    while len(log) < count:
        log.append((100 + len(log), _effect(cause)))
        cause += 1
        if draw.random() < 0.03:
            cause = max(0, cause - draw.randint(1, 30))
    return log


def consume(root: Path, log: Log, disk: Disk) -> None:
    """Append the part of a log that the journal does not have, in small batches."""
    journal = Journal(LocalStore(root, disk), clock=lambda: START, limits=FlushLimits(rows=5))
    begin = journal.resume_offsets().get(3, 0)
    rest = [row for row in log if row[0] >= begin]
    for start in range(0, len(rest), 3):
        journal.append(3, rest[start : start + 3])
    journal.flush()


def _effect(number: int) -> Effect:
    said = ReleaseClosed(
        release=ReleaseId(f"r{number}"),
        environment=EnvironmentName("prod"),
        at=START + timedelta(seconds=number),
        why="test",
    )
    cause = LogPosition(topic="observations", partition=3, offset=number)
    return Effect(key="prod", cause=cause, index=0, said=said)


if __name__ == "__main__":
    consume(Path(sys.argv[1]), make_log(int(sys.argv[2]), int(sys.argv[3])), TalkingDisk())
