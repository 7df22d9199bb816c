"""What the pre-deploy gate says of a build, what it compared, and the objectives it may be given."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field

from schemas.keys import EnvironmentName, ServiceName
from schemas.reports import BuildReport, Indicator
from schemas.typed_text import hush

_STRICT = ConfigDict(extra="forbid")


class GateOutcome(StrEnum):
    """What becomes of a build. HOLD: the gate cannot tell, so a human must."""

    PASS = "pass"  # noqa: S105  # a word, no password
    WARN = "warn"
    FAIL = "fail"
    HOLD = "hold"


class RulingKind(StrEnum):
    """What a human made of a past result: it holds although it did not pass, or it does not count."""

    ACCEPTED = "accepted"
    INVALIDATED = "invalidated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one part of the gate, such as tests or coverage, says.

    Attributes:
        score: 0 to 100; None without data.
        weight: Its share of the total, relative to the other parts with data.
        outcome: What this part alone would make of the build.
        decides: Its outcome is not outweighed by other parts when it is fail or hold.
        reasons: Sentences, strongest first.
        compared_with: What the build was held against, in words.
    """

    name: str
    score: float | None
    weight: float
    outcome: GateOutcome
    reasons: tuple[str, ...]
    decides: bool = False
    compared_with: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveResult:
    """What became of one objective.

    Attributes:
        value: The indicator's value; None when nobody gave it.
        outcome: PASS or WARN or FAIL; HOLD without a value; None when the objective only reports.
        points: Part of its weight that it earned.
        broken: The criteria that did not hold, with what they came to.
        compared_value: What relative criteria were held against; None without earlier results.
    """

    sli: str
    value: float | None
    outcome: GateOutcome | None
    points: float
    weight: float
    is_key: bool = False
    broken: tuple[str, ...] = ()
    compared_value: float | None = None
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What the gate says of a build.

    Attributes:
        score: Weighted, 0 to 100; None when nothing could be judged.
        failure_chance: Chance that the release will have to be taken back, in (0, 1), by its size,
            its distance from the last one and the record of its service and author.
        reasons: Why it is not a pass, strongest first; why it is one otherwise.
        compared_with: Versions it was compared with, newest first.
        settings: Digest of weights, limits and objectives.
        risk_model: Id of the model that the chance is by; "" for the shipped prior.
    """

    service: ServiceName
    version: str
    environment: EnvironmentName
    at: AwareDatetime
    outcome: GateOutcome
    score: float | None
    failure_chance: float
    parts: tuple[Part, ...]
    reasons: tuple[str, ...]
    indicators: tuple[Indicator, ...] = ()
    objectives: tuple[ObjectiveResult, ...] = ()
    compared_with: tuple[str, ...] = ()
    settings: str = ""
    risk_model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildAssessed:
    """The gate said something of a build: told to its environment, for the log. A later one replaces it.

    Attributes:
        failure_chance: Chance that the release will have to be taken back, in (0, 1).
        model: Id of the model that says so; "" for the shipped prior.
        indicators: What is known of the build and its change, by name.
        author: Who wrote the change, as the pipeline names them; or "".
    """

    environment: EnvironmentName
    service: ServiceName
    version: str
    at: AwareDatetime
    outcome: GateOutcome
    score: float | None
    failure_chance: float
    model: str = ""
    indicators: tuple[Indicator, ...] = ()
    commit: str = ""
    author: str = ""

    def __post_init__(self) -> None:
        if not self.version or not 0.0 < self.failure_chance < 1.0:
            raise ValueError("an assessment names no version or no chance in (0, 1), expected both")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A human's word on the results of a version."""

    service: ServiceName
    version: str
    environment: EnvironmentName
    at: AwareDatetime
    kind: RulingKind
    by: str
    reason: str

    def __post_init__(self) -> None:
        hush(self, "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class PastBuild:
    """One build as the history has it.

    Attributes:
        reports: In the order in which they came.
        result: The newest that the gate said of it; None when it was not asked.
        ruling: The newest that a human said of it.
        reported_at: When the newest of its reports came; None without one.
    """

    version: str
    at: AwareDatetime
    reports: tuple[BuildReport, ...] = ()
    result: GateResult | None = None
    ruling: Ruling | None = None
    commit: str = ""
    author: str = ""
    reported_at: AwareDatetime | None = None

    @property
    def valid_ruling(self) -> Ruling | None:
        """Return the human's word, unless reports came after it that the human cannot have known."""
        if self.ruling is None or (self.reported_at is not None and self.reported_at > self.ruling.at):
            return None
        return self.ruling

    @property
    def outcome(self) -> GateOutcome | None:
        """Return what counts: the gate's word, a human's acceptance in its place; None if invalidated."""
        ruling = self.valid_ruling
        if ruling is not None:
            return None if ruling.kind is RulingKind.INVALIDATED else GateOutcome.PASS
        return None if self.result is None else self.result.outcome


class CompareWith(StrEnum):
    """How many earlier results a relative criterion is held against (Keptn's words)."""

    SINGLE_RESULT = "single_result"
    SEVERAL_RESULTS = "several_results"


class IncludeResults(StrEnum):
    """Which earlier results count (Keptn's words)."""

    ALL = "all"
    PASS = "pass"  # noqa: S105  # a word, no password
    PASS_OR_WARN = "pass_or_warn"  # noqa: S105  # likewise


class Aggregate(StrEnum):
    """How several earlier values become one (Keptn's words)."""

    AVG = "avg"
    P50 = "p50"
    P90 = "p90"
    P95 = "p95"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What relative criteria compare with; the defaults are Keptn's."""

    compare_with: CompareWith = CompareWith.SINGLE_RESULT
    include_result_with_score: IncludeResults = IncludeResults.ALL
    number_of_comparison_results: Annotated[int, Field(ge=1, le=50)] = 3
    aggregate_function: Aggregate = Aggregate.AVG


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What one indicator should be.

    Attributes:
        passes: Alternatives, each a list of criteria such as `<=+10%` that must all hold; empty for an
            indicator that is only reported.
        warns: The same for half of the points.
        is_key: When it fails, everything fails.
    """

    sli: str
    passes: tuple[tuple[str, ...], ...] = ()
    warns: tuple[tuple[str, ...], ...] = ()
    weight: Annotated[float, Field(ge=0.0)] = 1.0
    is_key: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """Service level objectives that a build must meet.

    Attributes:
        pass_score: Percent of the points from which the result is a pass.
        warn_score: Percent from which it is a warning.
    """

    objectives: tuple[Objective, ...]
    comparison: Comparison = field(default_factory=Comparison)
    pass_score: Annotated[float, Field(ge=0.0, le=100.0)] = 90.0
    warn_score: Annotated[float, Field(ge=0.0, le=100.0)] = 75.0

    def __post_init__(self) -> None:
        if self.warn_score > self.pass_score:
            raise ValueError(
                f"total score of a warning is {self.warn_score:g}, "
                f"expected at most a pass's, {self.pass_score:g}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The change that a build carries, as far as anybody says.

    Attributes:
        lines: Added and removed lines; None when no diff was given.
        files: Changed files; likewise.
        lines_by_file: New or changed lines of each file, in its new numbering, by path.
        author: Who wrote it; "" when nobody says.
    """

    lines: int | None = None
    files: int | None = None
    lines_by_file: tuple[tuple[str, tuple[int, ...]], ...] = ()
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How often releases had to be taken back: of a service, or of what one author wrote."""

    releases: int = 0
    failures: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.failures <= self.releases:
            raise ValueError(f"failures is {self.failures} of {self.releases} releases")
