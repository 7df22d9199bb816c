"""What a backtest reads: a recorded log in parts that can be judged side by side.

A part holds some services with everything that concerns them. Services share nothing with each other, so any
cut gives the same verdicts; where it is cut decides only how well the work spreads over processes.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from schemas.keys import EnvironmentName
from schemas.observations import Observation


class BacktestLog(Protocol):
    """A recorded log. It must survive a fork: whatever it opens, it opens when it is read."""

    @property
    def title(self) -> str:
        """Return what it is, for people."""

    def parts(self, about: int) -> Sequence[int]:
        """Cut the log into roughly so many parts, and return the size of each, in any unit."""

    def services(self, part: int) -> Iterator[Observation]:
        """Yield a part's observations of services in the order of the log, with ticks and settings.

        Raises:
            SchemaError: the log is malformed.
        """

    def environment(self, name: EnvironmentName) -> Iterator[Observation]:
        """Yield one environment's observations in the order of the log, with ticks and settings.

        Raises:
            SchemaError: the log is malformed.
        """
