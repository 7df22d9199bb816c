"""Smoke tests as a second stage beside the judge: what was seen, and how the two are put together."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import AwareDatetime

from schemas.keys import EnvironmentName, ServiceName
from schemas.typed_text import hush


class Stages(StrEnum):
    """What must fail before a release is taken back.

    VERDICT: the judge's verdict alone counts. BOTH: the verdict and a smoke test; while no smoke test has
    failed, a harmful verdict asks a human. EITHER: one of the two is enough.
    """

    VERDICT = "verdict"
    BOTH = "both"
    EITHER = "either"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeTested:
    """A smoke test of a release ended: told to its environment. A later one replaces it.

    Attributes:
        version: Of the release, as its deploy event names it.
        by: Which pipeline or person says so.
        detail: What failed, as one line without any output of the test.
    """

    environment: EnvironmentName
    service: ServiceName
    version: str
    has_passed: bool
    by: str
    at: AwareDatetime
    detail: str = ""

    def __post_init__(self) -> None:
        if not self.version or not self.by:
            raise ValueError("a smoke test names no version or nobody, expected both")
        hush(self, "detail")
