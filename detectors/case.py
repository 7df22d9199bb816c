"""The case at one look: what evidence goes by, and what a piece of it says beside its numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from math import exp

from detectors.history_memory import PastMemory
from detectors.sides import Sides
from detectors.windows import ServiceWindow
from schemas.judgements import Evidence
from schemas.keys import derived_id
from schemas.policy import Rule
from schemas.releases import Release

PRESENCE_SHARE = 2.0
"""Share of the false-rollback budget for silence and lost traffic, relative to the signals' shares."""

CALLERS_SHARE = 1.0
"""Share of the budget for damage that only callers see, where callers tell at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Interval indices of a look: quiet time from `quiet`, live time from `start` to before `end`.

    Attributes:
        gap: Intervals between the two, of which nobody knows yet whether they are quiet.
    """

    quiet: int
    start: int
    end: int
    gap: int = 0

    @property
    def quiet_end(self) -> int:
        """Return the first interval that is not part of the quiet time."""
        return self.start - self.gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Evidence, with what the verdict needs to know beside it.

    Attributes:
        alpha: This evidence's part of the false-rollback budget; 0 never convicts.
        first_bad: Interval that counts against the canary first; -1 for none.
        predates: The damage is older than the release, or hits old and new pods alike.
        is_presence: It is about silence or lost traffic.
        is_callers: It was seen by a caller, which cannot tell the canary's pods from others.
        is_route: It is about one route only, whose requests other findings count as well.
        is_doubt: It does not convict, and the release may not be called healthy beside it.
        turning: Says what would have changed the verdict, in words; costs some fifty weighings. None where
            nobody knows.
    """

    evidence: Evidence
    alpha: float
    first_bad: int = -1
    predates: bool = False
    is_presence: bool = False
    is_callers: bool = False
    is_route: bool = False
    is_doubt: bool = False
    turning: Callable[[], str] | None = field(default=None, compare=False)

    @property
    def can_convict(self) -> bool:
        """Return whether it has a share of the budget."""
        return self.alpha > 0

    @property
    def is_own(self) -> bool:
        """Return whether it compares the service's own pods."""
        return not self.is_presence and not self.is_callers

    def p_value(self, alpha: float) -> float:
        """Return the anytime-valid p-value for the whole release, in (0, 1]."""
        return min(1.0, exp(-self.evidence.log_e) * alpha / self.alpha) if self.alpha > 0 else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that one look goes by.

    Attributes:
        rule_digest: Digest of the settings, part of what evidence is identified by.
        found: Who runs the release and who does not.
        now: The log's time.
        past: What is remembered of the service; None for nothing.
        is_aftercare: The release was judged healthy already, and the span is a round of its aftercare.
    """

    release: Release
    window: ServiceWindow
    rule: Rule
    rule_digest: str
    found: Sides
    span: Span
    now: datetime
    past: PastMemory | None = None
    is_aftercare: bool = False

    @property
    def seen(self) -> int:
        """Return how many of the span's intervals the instruments saw."""
        blind = self.window.blind.intervals(self.span.start, self.span.end, self.window.width_ms)
        return len(blind) - int(blind.sum())

    @property
    def before(self) -> str:
        """Return what the quiet time is called in sentences."""
        return "in the hour before" if self.is_aftercare else "before the release"

    @property
    def shares(self) -> float:
        """Return all shares of the false-rollback budget together.

        A signal whose bound cannot be learnt says nothing and spends nothing: services without histograms
        are judged as if it were not there.
        """
        callers = CALLERS_SHARE if self.found.callers else 0.0
        told = sum(signal.share for signal in self.rule.signals if signal.bound_share is None)
        return told + PRESENCE_SHARE + callers

    def evidence_id(self, signal: str, edge: str, detector: str) -> str:
        """Return the id of one piece of evidence at this look."""
        at = self.now.isoformat()
        return derived_id("evidence", self.release.id, signal, edge, detector, self.rule_digest, at)
