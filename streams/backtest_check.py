"""Whether a candidate may take the champion's place: worse, not worse, or too little to tell.

Worse: the interval of a paired difference lies above zero, for false rollbacks, false calls for one, or bad
minutes. Not worse: of none it does, and there is enough to have seen it. Enough: the good releases are so
many that a share `tolerance` of them newly called harmful would have shown (C. J. Clopper, E. S. Pearson,
Biometrika 26, 1934: the upper limit of the share that was newly called, with 95 % confidence, is below it);
and there are bad releases, whose bad minutes rise by no more than `minutes` on average at the upper limit of
the interval.
"""

from dataclasses import dataclass
from enum import StrEnum

from scipy.stats import beta

from streams.backtest_figures import Figure
from streams.backtest_pairs import Pair

WORSE_IS_MORE = ("false_rollbacks", "false_calls", "bad_minutes")
"""Figures of which more is worse, and which a candidate is refused for."""

LEAST_BAD = 5
"""Bad releases below which nothing is said of bad minutes: an interval of fewer means nothing."""


class Ruling(StrEnum):
    """What is held of a candidate."""

    NOT_WORSE = "not_worse"
    WORSE = "worse"
    CANNOT_TELL = "cannot_tell"


EXIT_CODES = {Ruling.NOT_WORSE: 0, Ruling.WORSE: 1, Ruling.CANNOT_TELL: 3}
"""Exit codes of `--check`; 2 is every command's for an error that says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How much worsening must have been visible.

    Attributes:
        newly_false: Share of good releases that are newly called harmful. Less asks for more releases.
        minutes: Bad minutes more a bad release.
    """

    newly_false: float = 0.1
    minutes: float = 5.0

    def __post_init__(self) -> None:
        if not 0.0 < self.newly_false < 1.0:
            raise ValueError(f"newly_false is {self.newly_false}, expected a share between 0 and 1")
        if self.minutes < 0.0:
            raise ValueError(f"minutes is {self.minutes}, expected 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The ruling, and why, as sentences."""

    ruling: Ruling
    reasons: tuple[str, ...]


def check(figures: tuple[Figure, ...], pairs: list[Pair], tolerance: Tolerance) -> Checked:
    """Return whether the candidate is worse than the champion.

    Args:
        figures: Of the backtest.
        pairs: All releases.
        tolerance: How much worsening must have been visible.
    """
    named = {figure.name: figure for figure in figures}
    worse = tuple(
        f"{name} is worse by {figure.difference:.3g} {figure.unit}, at least {figure.low:.3g}"
        for name in WORSE_IS_MORE
        if (figure := named[name]).low is not None and figure.low > 0 and figure.difference is not None
    )
    if worse:
        return Checked(ruling=Ruling.WORSE, reasons=worse)
    doubts = (*_doubts_of_good(pairs, tolerance), *_doubts_of_bad(named["bad_minutes"], pairs, tolerance))
    if doubts:
        return Checked(ruling=Ruling.CANNOT_TELL, reasons=doubts)
    return Checked(ruling=Ruling.NOT_WORSE, reasons=("nothing is worse beyond its interval",))


def largest_share(hits: int, of: int, confidence: float = 0.95) -> float:
    """Return the upper limit of a share of which `hits` of so many were seen; 1 of none.

    >>> round(largest_share(0, 29), 3)
    0.098
    """
    return 1.0 if hits >= of else float(beta.ppf(confidence, hits + 1, of - hits))


def _doubts_of_good(pairs: list[Pair], tolerance: Tolerance) -> tuple[str, ...]:
    good = [pair for pair in pairs if pair.truth and pair.truth.p_bad < 0.5 and not pair.is_cut_off]
    newly = sum(
        pair.called(pair.candidate) is not None and pair.called(pair.champion) is None for pair in good
    )
    most = largest_share(newly, len(good))
    if most < tolerance.newly_false:
        return ()
    return (
        f"not enough releases to tell: {newly} of {len(good)} good ones are newly called harmful, which "
        f"allows {100 * most:.1f} %, and less than {100 * tolerance.newly_false:g} % is asked for",
    )


def _doubts_of_bad(figure: Figure, pairs: list[Pair], tolerance: Tolerance) -> tuple[str, ...]:
    bad = sum(pair.truth is not None and pair.truth.p_bad >= 0.5 for pair in pairs)
    if bad < LEAST_BAD or figure.high is None:
        return (
            f"not enough releases to tell: {bad} bad ones, expected at least {LEAST_BAD} in two clusters",
        )
    if figure.high > tolerance.minutes:
        return (
            f"not enough releases to tell: bad minutes may be more by up to {figure.high:.3g} a bad release, "
            f"and no more than {tolerance.minutes:g} is asked for",
        )
    return ()
