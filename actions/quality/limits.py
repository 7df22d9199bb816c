"""Weights and limits of the gate, with their units."""

from dataclasses import dataclass, field, fields
from math import isfinite

from pydantic import ConfigDict

PARTS = ("objectives", "tests", "findings", "contracts", "coverage", "load", "cost", "risk")
"""What a build is judged by; all but the first and the last can be required."""

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What each part is worth in the total; only their ratios matter, and parts without data drop out.

    Raises:
        ValueError: a weight is negative or not finite.
    """

    __pydantic_config__ = _STRICT

    objectives: float = 4.0
    tests: float = 4.0
    findings: float = 3.0
    contracts: float = 2.0
    coverage: float = 1.0
    load: float = 2.0
    cost: float = 1.0
    risk: float = 1.0

    def __post_init__(self) -> None:
        for one in fields(self):
            weight = getattr(self, one.name)
            if not (isfinite(weight) and weight >= 0):
                raise ValueError(f"{one.name} is {weight}, expected a weight of 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a part warns, holds or fails.

    Attributes:
        required: Parts without which the gate cannot say anything: it holds.
        good_builds: How many good builds load and cost are compared with. More is steadier and older.
        real_failure_fail: Chance that a failed test is a real defect, from which the build fails.
        real_failure_hold: Chance from which a human is asked.
        regression_prior: Chance that a build breaks a given test that it fails. Lower believes more in
            flakiness.
        flake_prior: Beta prior of a test's chance to fail on good code: as if so many of so many runs
            had. Its mean, 0.5 %, is what a test without a record is believed to do.
        lost_tests_warn: Share of tests that no longer run from which a build warns.
        changed_coverage_pass: Share of changed lines that ran, from which all is well.
        changed_coverage_warn: Share below which coverage fails; in between it warns.
        coverage_drop_pass: Drop of the total, as a ratio, that is noise.
        coverage_drop_warn: Drop beyond which coverage fails.
        cost_ratio_pass: Growth of the monthly cost that needs no words.
        cost_ratio_hold: Growth from which a human is asked.
        cost_floor: Growth a month, in the report's currency, that nobody is asked about.
        latency_ratio_pass: Growth of p95 over the median of good builds that is noise.
        latency_ratio_fail: Growth beyond which it fails, unless the builds themselves spread wider.
        error_margin: Growth of the error ratio that is no damage.
        error_level: Probability of the bounds on the error ratio, one-sided.
        risk_warn: Chance of having to take the release back from which it warns.
        risk_hold: Chance from which a human is asked.

    Raises:
        ValueError: a limit is no ratio, two of them are in the wrong order, or a part is none.
    """

    __pydantic_config__ = _STRICT

    required: tuple[str, ...] = ("tests",)
    good_builds: int = 5
    real_failure_fail: float = 0.8
    real_failure_hold: float = 0.5
    regression_prior: float = 0.05
    flake_prior: tuple[float, float] = (0.05, 10.0)
    lost_tests_warn: float = 0.1
    changed_coverage_pass: float = 0.8
    changed_coverage_warn: float = 0.5
    coverage_drop_pass: float = 0.005
    coverage_drop_warn: float = 0.03
    cost_ratio_pass: float = 0.1
    cost_ratio_hold: float = 0.25
    cost_floor: float = 50.0
    latency_ratio_pass: float = 0.1
    latency_ratio_fail: float = 0.25
    error_margin: float = 0.001
    error_level: float = 0.99
    risk_warn: float = 0.25
    risk_hold: float = 0.5
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} is {value:g}, expected {low:g} to {high:g}")
        for lesser, greater in _ORDERED:
            if getattr(self, lesser) > getattr(self, greater):
                raise ValueError(
                    f"{lesser} is {getattr(self, lesser):g}, expected at most {greater}, "
                    f"{getattr(self, greater):g}"
                )
        failures, runs = self.flake_prior
        if not 0 < failures < runs <= 1e6:
            raise ValueError(f"flake_prior is {failures:g} of {runs:g}, expected some failures in more runs")
        for part in self.required:
            if part not in PARTS[1:-1]:
                raise ValueError(f"required names no part, expected some of {', '.join(PARTS[1:-1])}")


_CHANCES = ("real_failure_fail", "real_failure_hold", "risk_warn", "risk_hold")
_RATIOS = ("lost_tests_warn", "changed_coverage_pass", "changed_coverage_warn", "coverage_drop_pass")
_RANGES = (
    *((name, 0.0, 1.0) for name in (*_CHANCES, *_RATIOS, "coverage_drop_warn", "error_margin")),
    *((name, 0.0, 100.0) for name in ("cost_ratio_pass", "cost_ratio_hold")),
    *((name, 0.0, 100.0) for name in ("latency_ratio_pass", "latency_ratio_fail")),
    ("cost_floor", 0.0, 1e12),
    ("error_level", 0.5, 0.999999),
    ("regression_prior", 1e-6, 0.999999),
    ("good_builds", 1, 50),
)
_ORDERED = (
    ("real_failure_hold", "real_failure_fail"),
    ("changed_coverage_warn", "changed_coverage_pass"),
    ("coverage_drop_pass", "coverage_drop_warn"),
    ("cost_ratio_pass", "cost_ratio_hold"),
    ("latency_ratio_pass", "latency_ratio_fail"),
    ("risk_warn", "risk_hold"),
)
