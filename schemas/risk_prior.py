"""What is believed of a release's risk where nothing was learnt of it.

Sources: Y. Kamei et al., "A Large-Scale Empirical Study of Just-in-Time Quality Assurance", IEEE TSE 39
(2013), for size, files and experience as what predicts defects of a change; the rate of 10 % is the middle of
what DORA reports call the change failure rate.
"""

from math import log, log2

from schemas.risk_models import RiskModel, RiskTerm, Transform

PRIOR_FAILURES = 1.0
PRIOR_RELEASES = 10.0
"""A service or an author without a record: as if one of ten releases had failed."""

_ODDS = log(PRIOR_FAILURES / (PRIOR_RELEASES - PRIOR_FAILURES))
_FARTHEST = 8.0


def smoothed_rate(failures: float, releases: float) -> float:
    """Return the posterior mean of the chance of a failed release.

    >>> smoothed_rate(0, 0), round(smoothed_rate(4, 90), 3)
    (0.1, 0.05)
    """
    return (PRIOR_FAILURES + failures) / (PRIOR_RELEASES + releases)


def _per_doubling(feature: str, weight: float, ordinary: float) -> RiskTerm:
    return RiskTerm(
        feature=feature,
        weight=weight,
        transform=Transform.DOUBLINGS,
        center=log2(ordinary),
        farthest=_FARTHEST,
    )


SHIPPED_PRIOR = RiskModel(
    kind="prior",
    features=("service_rate", "change_lines", "change_files", "hours_since_last", "author_rate"),
    terms=(
        RiskTerm(feature="service_rate", weight=1.0, transform=Transform.LOGIT, missing=_ODDS),
        _per_doubling("change_lines", 0.15, ordinary=50.0),
        _per_doubling("change_files", 0.10, ordinary=3.0),
        _per_doubling("hours_since_last", 0.05, ordinary=24.0),
        RiskTerm(feature="author_rate", weight=0.5, transform=Transform.LOGIT, center=_ODDS),
    ),
)
"""Its service's record is what calibrates it: an ordinary release of a service is as risky as its releases
have been. The other weights are chosen, not fitted: each doubling of lines beyond 50, of files beyond 3, of
the hours since the last release beyond a day, and half of an author's distance from the prior."""
