"""The contracts part: a provider that breaks what a consumer relies on fails."""

from actions.quality.builds import Build
from actions.quality.limits import Limits
from actions.quality.scoring.bands import in_band
from actions.quality.scoring.words import counted, listed
from schemas.quality import GateOutcome, Part
from schemas.reports import Indicator

_MOST_NAMED = 5


def score_contracts(build: Build, version: str, limits: Limits) -> tuple[Part, tuple[Indicator, ...]] | None:
    """Return what contract tests say, or None without a report.

    A verification of another version than the build's says nothing about the build: it holds.

    Args:
        build: The build to judge.
        version: The build's version.
        limits: Weights and limits.
    """
    if not build.contracts:
        return None
    broken = [
        f"{name}: {interaction}"
        for name, report in build.contracts
        if not report.is_kept
        for interaction in (report.broken or ("not kept",))
    ]
    others = sorted(
        {
            report.provider_version
            for _, report in build.contracts
            if report.provider_version not in ("", version)
        }
    )
    if broken:
        outcome = GateOutcome.FAIL
        reasons = [f"{counted(len(broken), 'contract')} broken: {listed(broken, _MOST_NAMED)}"]
    elif others:
        outcome = GateOutcome.HOLD
        reasons = [f"contracts were verified against {listed(others, _MOST_NAMED)}, expected {version}"]
    else:
        outcome = GateOutcome.PASS
        reasons = [f"{counted(len(build.contracts), 'verification')} kept"]
    part = Part(
        name="contracts",
        score=in_band(outcome, 0.0 if outcome is GateOutcome.PASS else 1.0),
        weight=limits.weights.contracts,
        outcome=outcome,
        reasons=tuple(reasons),
        decides=True,
    )
    return part, (Indicator(name="contracts_broken", value=len(broken)),)
