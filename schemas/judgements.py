"""What the judge says: evidence per signal, and a verdict per release."""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from pydantic import AwareDatetime

from schemas.keys import EnvironmentName, ReleaseId, ServiceName, SignalName

PRESENCE = SignalName("presence")
"""Signal of evidence from what is not there; it is measured in intervals."""

ROUTE_EDGE = "route:"
"""How an edge begins that stands for one route of the service, whoever called it: `route:/pay`."""


class VerdictKind(StrEnum):
    """What is known about a release. Three of the five are ways not to know.

    HEALTHY: watched long enough with enough exposure, nothing found. HARMFUL: evidence crossed its
    threshold. INCONCLUSIVE: not enough evidence yet, or never. NODATA: the canary or the service
    says nothing. BROKEN: the instrument contradicts itself or sees nothing,
    and cannot be believed.
    """

    HEALTHY = "healthy"
    HARMFUL = "harmful"
    INCONCLUSIVE = "inconclusive"
    NODATA = "nodata"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side's numbers in a comparison.

    Attributes:
        pods: How many pods spoke.
        intervals: How many pod-intervals are in the numbers.
        exposure: Requests (or readings) behind the level.
        level: Ratio, mean or level in the signal's unit; None when there is no reading.
    """

    pods: int
    intervals: int
    exposure: float
    level: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one signal says about one release up to one instant.

    Attributes:
        id: Derived from release, signal, detector and instant.
        detector: Which test weighed it.
        edge: Caller, when the numbers are of one caller's requests only; `route:/pay` when they are of that
            route's; "" for all.
        log_e: Natural logarithm of the e-value: how many times likelier than chance, 0 = says nothing.
        threshold_log_e: The `log_e` that convicts, from the signal's share of the release's budget.
        margin: Largest change in the signal's unit that counts as no damage.
        comparison: What the canary was compared with, in words.
        join: How samples were joined to the release: template, replicaset, pod, version or image.
        text: The numbers as a sentence.
        is_shared: The stable pods show the damage as well, or showed it before the release: however large
            `log_e` is, it convicts nobody.
    """

    id: str
    release: ReleaseId
    signal: SignalName
    detector: str
    at: AwareDatetime
    canary: Side
    control: Side
    log_e: float
    threshold_log_e: float
    margin: float
    comparison: str
    join: str
    edge: str = ""
    text: str = ""
    is_shared: bool = False

    def __post_init__(self) -> None:
        if not isfinite(self.log_e):
            raise ValueError(f"log_e of {self.signal} is {self.log_e}, expected a finite number")

    @property
    def convicts(self) -> bool:
        """Return whether this alone is enough."""
        return self.log_e >= self.threshold_log_e and not self.is_shared

    @property
    def where(self) -> str:
        """Return whose requests the numbers are of, as words that follow the signal's name; "" for all."""
        route = self.edge.removeprefix(ROUTE_EDGE)
        if route != self.edge:
            return f" on {route}"
        return f" as {self.edge} sees it" if self.edge else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the judge holds of a release at one instant.

    Attributes:
        id: Derived from release and ordinal.
        ordinal: 1 for the release's first verdict; a later one replaces it.
        is_final: The watch is over; no later verdict follows but a harmful one, which is final as well, where
            damage begins in the aftercare of a healthy release.
        confidence: 1 - anytime-valid p-value for HARMFUL, in [0, 1); 0 for ways not to know.
        alpha: The release's false-rollback budget that the confidence is held against.
        reasons: Sentences, strongest first; never empty.
        evidence: Newest evidence of each signal and edge that has any.
        first_bad_at: Start of the first interval that counts against the release, for HARMFUL.
        settings: Digest of the settings that judged.
    """

    id: str
    release: ReleaseId
    environment: EnvironmentName
    service: ServiceName
    version: str
    ordinal: int
    kind: VerdictKind
    at: AwareDatetime
    is_final: bool
    confidence: float
    alpha: float
    reasons: tuple[str, ...]
    evidence: tuple[Evidence, ...] = ()
    first_bad_at: AwareDatetime | None = None
    settings: str = ""

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError(f"verdict {self.kind} on {self.release} has no reason, expected at least one")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence is {self.confidence}, expected a number in [0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """How much of the damage in an environment points at one release: what blame ranks by.

    Attributes:
        own_log_e: Evidence from the service's own canary pods against its stable pods; below 0 where they
            rather speak for it.
        edge_log_e: Evidence seen only at callers, as (caller, log_e), strongest first.
        silence_log_e: Evidence from missing samples or traffic.
        onset: Start of the first damaged interval; None without damage.
        predates: Damage began before the release, or hits old and new pods alike.
        callers: Services that are seen to call this one.
        is_aftercare: It was judged healthy, so damage that began since is not held against its beginning.
    """

    release: ReleaseId
    service: ServiceName
    environment: EnvironmentName
    at: AwareDatetime
    started_at: AwareDatetime
    own_log_e: float = 0.0
    edge_log_e: tuple[tuple[str, float], ...] = ()
    silence_log_e: float = 0.0
    onset: AwareDatetime | None = None
    predates: bool = False
    callers: tuple[str, ...] = ()
    is_aftercare: bool = False


class RecoveryKind(StrEnum):
    """How a service fares after an action."""

    RECOVERED = "recovered"
    NOT_RECOVERED = "not_recovered"
    WORSE = "worse"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Whether the action helped, by the same signals that called for it.

    Attributes:
        id: Derived from the command.
        command: The action whose effect is judged.
        text: Before, during and after in numbers.
        first_bad_at: When the damage began, as far as it is known.
        acted_at: When the action had taken effect.
        recovered_at: End of the first interval from which on the signals stayed at their quiet level;
            None unless recovered. From `first_bad_at` to here is the time to recovery.
    """

    id: str
    command: str
    release: ReleaseId
    environment: EnvironmentName
    service: ServiceName
    kind: RecoveryKind
    at: AwareDatetime
    text: str
    first_bad_at: AwareDatetime | None = None
    acted_at: AwareDatetime | None = None
    recovered_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """A service is unlike its own past, and no release of its own is under watch.

    Attributes:
        id: Derived from service, signal, edge and beginning.
        edge: Caller, when the numbers are of one caller's requests only; "" for all.
        level: Newest reading, in the signal's unit.
        expected: What is usual, in the same unit.
        p_value: Chance of the more usual of its intervals among all that were seen, in (0, 1].
        since: Start of the first interval that is part of it.
        text: The numbers as a sentence.
        callers: Services that are seen to call this one.
    """

    id: str
    environment: EnvironmentName
    service: ServiceName
    signal: SignalName
    level: float
    expected: float
    p_value: float
    since: AwareDatetime
    at: AwareDatetime
    edge: str = ""
    text: str = ""
    callers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (isfinite(self.level) and isfinite(self.expected)):
            raise ValueError(f"level of {self.signal} is {self.level}, {self.expected} expected, not finite")
        if not 0.0 < self.p_value <= 1.0:
            raise ValueError(f"p_value is {self.p_value}, expected a number in (0, 1]")
