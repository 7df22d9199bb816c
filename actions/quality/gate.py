"""The pre-deploy gate: reports, history and objectives in, one result out. Pure; the same in, the same out.

Every part is scored by itself and the scores are averaged by weight over the parts that have data. A
part that decides cannot be outweighed: its fail is the build's fail, its hold a question to a human. A
human's acceptance is the answer, and makes the outcome a pass; parts and score stay what they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from actions.quality.builds import build_of, good_builds
from actions.quality.limits import Limits
from actions.quality.objectives import assess, total_score
from actions.quality.scoring.bands import PASS_SCORE, WARN_SCORE, rescaled
from actions.quality.scoring.contracts import score_contracts
from actions.quality.scoring.cost import score_cost
from actions.quality.scoring.coverage import score_coverage
from actions.quality.scoring.findings import score_findings
from actions.quality.scoring.load import score_load
from actions.quality.scoring.risk import change_indicators, prior_values, score_risk
from actions.quality.scoring.tests import score_tests
from actions.quality.scoring.words import listed
from schemas.codec import digest
from schemas.keys import EnvironmentName, ServiceName
from schemas.models import ModelChanged
from schemas.quality import (
    Change,
    GateOutcome,
    GateResult,
    ObjectiveResult,
    Objectives,
    Part,
    PastBuild,
    Record,
    Ruling,
    RulingKind,
)
from schemas.reports import BuildReport, Indicator

_WORST_FIRST = (GateOutcome.FAIL, GateOutcome.HOLD, GateOutcome.WARN, GateOutcome.PASS)
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The build that is asked about.

    Attributes:
        at: When it is asked.
        commit: Its revision, or "".
        change: What changed, as far as anybody says.
        service_record: How the service's releases went.
        author_record: How the releases of its author went.
        values: Further indicators by name, such as a query's answer that an objective asks for.
        champion: The model of risk that the log names; None for the shipped prior.
        features: What the log knows of the release before it begins, by name; for the champion.
        ruling: What a human said of this build, with these reports at hand.
    """

    service: ServiceName
    version: str
    environment: EnvironmentName
    at: datetime
    commit: str = ""
    change: Change = field(default_factory=Change)
    service_record: Record = field(default_factory=Record)
    author_record: Record = field(default_factory=Record)
    values: Mapping[str, float] = field(default_factory=dict)
    champion: ModelChanged | None = None
    features: Mapping[str, float] = field(default_factory=dict)
    ruling: Ruling | None = None

    @property
    def model_id(self) -> str:
        """Return the id of the model that weighs the risk; "" for the shipped prior."""
        return "" if self.champion is None or self.champion.risk is None else self.champion.used


def gate(
    question: Question,
    reports: Sequence[BuildReport],
    history: Sequence[PastBuild],
    objectives: Objectives | None = None,
    limits: Limits | None = None,
) -> GateResult:
    """Return what becomes of a build.

    Args:
        question: Which build, and what is known of the change.
        reports: Its reports in the order in which they came.
        history: Builds of the service in the environment, oldest first; the build itself is left out.
        objectives: Keptn's; None for none.
        limits: Weights and limits; None for the defaults.

    Raises:
        SettingsError: a criterion is not understood.
    """
    limits = limits or Limits()
    past = [build for build in history if build.version != question.version]
    good = good_builds(past, limits.good_builds)
    build = build_of(reports)

    scored = [
        score_tests(build, past, good, question.commit, limits),
        score_findings(build, good, limits),
        score_contracts(build, question.version, limits),
        score_coverage(build, good, question.change, limits),
        score_load(build, good, limits),
        score_cost(build, good, limits),
    ]
    told = [entry for entry in scored if entry is not None]
    risk, weighed = _risk(question, [entry for _, found in told for entry in found], past, limits)
    told.append((risk, weighed))
    values = {indicator.name: indicator.value for _, found in told for indicator in found}
    values |= question.values
    parts = [part for part, _ in told]
    if not build.runs and "tests" not in limits.required:
        # Nobody reported tests, and nobody asked for any.
        parts = [part for part in parts if part.name != "tests"]
    judged: tuple[ObjectiveResult, ...] = ()
    if objectives is not None:
        judged = assess(objectives, values, past)
        parts.insert(0, _objectives_part(judged, objectives, limits))
    parts.extend(_missing(parts, limits))

    score = _total(parts)
    outcome = _outcome(parts, score)
    reasons = _reasons(parts, score, outcome)
    if question.ruling is not None and question.ruling.kind is RulingKind.ACCEPTED:
        reasons = (f"accepted by {question.ruling.by}: {question.ruling.reason}", *reasons)
        outcome = GateOutcome.PASS
    return GateResult(
        service=question.service,
        version=question.version,
        environment=question.environment,
        at=question.at,
        outcome=outcome,
        score=score,
        failure_chance=weighed[-1].value,
        parts=tuple(parts),
        reasons=reasons,
        indicators=tuple(Indicator(name=name, value=values[name]) for name in sorted(values)),
        objectives=judged,
        compared_with=tuple(build.version for build in good),
        settings=digest([digest(limits), "" if objectives is None else digest(objectives)], list[str]),
        risk_model=question.model_id,
    )


def _risk(
    question: Question, indicators: Sequence[Indicator], past: Sequence[PastBuild], limits: Limits
) -> tuple[Part, tuple[Indicator, ...]]:
    """Return the risk part: what the reports say of this build is newer than what the log knows of it."""
    since_last = question.at - past[-1].at if past else None
    of_change = change_indicators(question.change)
    values = dict(question.features)
    values |= {entry.name: entry.value for entry in (*indicators, *of_change)} | dict(question.values)
    return score_risk(
        question.champion,
        values,
        prior_values(question.change, since_last, question.service_record, question.author_record),
        question.change,
        question.service_record,
        limits,
    )


def _objectives_part(judged: Sequence[ObjectiveResult], objectives: Objectives, limits: Limits) -> Part:
    """Return Keptn's total as one part."""
    score = total_score(judged)
    unknown = [result.sli for result in judged if result.outcome is GateOutcome.HOLD]
    broken_keys = [result for result in judged if result.is_key and result.outcome is GateOutcome.FAIL]
    if broken_keys:
        outcome = GateOutcome.FAIL
    elif unknown:
        outcome = GateOutcome.HOLD
    elif score is None or score >= objectives.pass_score:
        # None: every objective only reports.
        outcome = GateOutcome.PASS
    else:
        outcome = GateOutcome.WARN if score >= objectives.warn_score else GateOutcome.FAIL
    reasons = [f"key objective {_told(result)}" for result in broken_keys]
    if unknown:
        reasons.append(f"no value for {listed(unknown, _MOST_NAMED)}")
    reasons.extend(
        f"objective {_told(result)}" for result in judged if result.broken and result not in broken_keys
    )
    if not reasons:
        reasons.append(f"{sum(1 for result in judged if result.outcome is not None)} objectives met")
    if score is not None:
        reasons.append(f"objectives earned {score:.4g} % of their points")
    return Part(
        name="objectives",
        score=None if score is None else rescaled(score, objectives.pass_score, objectives.warn_score),
        weight=limits.weights.objectives,
        outcome=outcome,
        reasons=tuple(reasons),
        decides=True,
        compared_with=f"{objectives.comparison.aggregate_function} of {objectives.comparison.compare_with}",
    )


def _told(result: ObjectiveResult) -> str:
    value = "no value" if result.value is None else f"{result.value:.6g}"
    return f"{result.title or result.sli} is {value}, expected {', '.join(result.broken)}"


def _missing(parts: Sequence[Part], limits: Limits) -> list[Part]:
    """Return a part that holds for everything that is required and that nobody reported."""
    known = {part.name for part in parts}
    return [
        Part(
            name=name,
            score=None,
            weight=0.0,
            outcome=GateOutcome.HOLD,
            reasons=(f"no report of {name}, which is required",),
            decides=True,
        )
        for name in limits.required
        if name not in known
    ]


def _total(parts: Sequence[Part]) -> float | None:
    """Return the weighted score; the risk alone, which needs no report, is no score of a build."""
    scored = [(part.score, part.weight) for part in parts if part.score is not None]
    if not any(part.score is not None and part.name != "risk" for part in parts):
        return None
    weights = sum(weight for _, weight in scored)
    return sum(score * weight for score, weight in scored) / weights if weights > 0 else None


def _outcome(parts: Sequence[Part], score: float | None) -> GateOutcome:
    deciding = [part.outcome for part in parts if part.decides or part.score is None]
    if GateOutcome.FAIL in deciding:
        return GateOutcome.FAIL
    if GateOutcome.HOLD in deciding or score is None:
        return GateOutcome.HOLD
    if score < WARN_SCORE:
        return GateOutcome.FAIL
    if score < PASS_SCORE or any(part.outcome is not GateOutcome.PASS for part in parts):
        return GateOutcome.WARN
    return GateOutcome.PASS


def _reasons(parts: Sequence[Part], score: float | None, outcome: GateOutcome) -> tuple[str, ...]:
    """Return first what made the outcome, then what else was not well; of a pass, what each part says."""
    wrong = sorted(
        (part for part in parts if part.outcome is not GateOutcome.PASS),
        key=lambda part: _WORST_FIRST.index(part.outcome),
    )
    if outcome is GateOutcome.PASS:
        return tuple(f"{part.name}: {part.reasons[0]}" for part in parts)
    reasons = [f"{part.name}: {reason}" for part in wrong for reason in part.reasons]
    if score is not None and score < PASS_SCORE:
        limit = WARN_SCORE if score < WARN_SCORE else PASS_SCORE
        reasons.append(f"score {score:.0f} is below {limit:g}")
    return tuple(reasons)
