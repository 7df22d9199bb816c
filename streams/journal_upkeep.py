"""What the journal's process does now and then: ends of days, retention, telling the heads of the chain."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from feature_store.journal import Journal
from feature_store.retention import Retention

logger = logging.getLogger("suture.journal")

_PAUSE = timedelta(minutes=10)
_BUSY_PAUSE = timedelta(seconds=5)
"""Between two goes while there is more to do: appending goes on meanwhile."""
_TOLD_EVERY = timedelta(hours=1)


class JournalUpkeep:
    """Looks after the partitions that this process appends.

    Attributes:
        partitions: Those; whoever assigns and takes them away brings it up to date.
    """

    def __init__(self, journal: Journal, retention: Retention, clock: Callable[[], datetime]) -> None:
        self._journal = journal
        self._retention = retention
        self._clock = clock
        self._due_at = clock() + _BUSY_PAUSE
        self._tell_at = clock() + _TOLD_EVERY
        self.partitions: set[int] = set()

    def run(self) -> None:
        """Do what is due; call it often.

        Raises:
            OSError: the store failed.
        """
        now = self._clock()
        if now >= self._due_at:
            steps = self._journal.tidy(self.partitions, self._retention)
            self._due_at = self._clock() + (_BUSY_PAUSE if steps else _PAUSE)
        if now >= self._tell_at:
            self.tell(self.partitions)
            self._tell_at = now + _TOLD_EVERY

    def tell(self, partitions: Iterable[int]) -> None:
        """Log the heads of chains: kept elsewhere, they show later whether a chain was written anew."""
        wanted = set(partitions)
        for partition, (record, head) in self._journal.heads().items():
            if partition in wanted:
                logger.info(
                    "journal chain head", extra={"partition": partition, "record": record, "hash": head}
                )
