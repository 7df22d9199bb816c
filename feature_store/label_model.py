"""What labels of several sources say of releases together: how noisy, how late, how sure one can be.

Sources are of two kinds. *Answers* are given either way by whoever is asked: of each is estimated how often
it names a bad release bad (sensitivity) and one that was not so (specificity). *Alarms* speak against a
release or not at all, and late: of each is estimated how many bad releases it ever tells of, how many others,
and how long it takes. Silence speaks for a release as far as a word would have come by now, and not further:
one that is an hour old is not good because nobody complained.

All of it is one expectation-maximisation over releases whose truth nobody knows: A. P. Dawid, A. M. Skene,
"Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", Applied Statistics 28 (1979),
with Beta priors; the delay is that of O. Chapelle, "Modeling Delayed Feedback in Display Advertising", KDD
(2014), exponential and censored at a release's age. We depart from the first in that rates of a source are
taken only from releases of which another source spoke as well, since who speaks alone agrees with himself;
and in that no service gives more than a fifth of what a source is judged by.

Pure, and numpy alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

_LARGEST_SHARE = 0.2
"""Of the words that a source is judged by, one service gives at most so many: a team that labels everything
wrongly costs a source a fifth of its name, not all of it."""

_LEAST_UNCAPPED = 10.0
"""A service with so few words of a source is not capped: there is no crowd yet to hide it in."""

_MOST_ROUNDS = 200
_CLOSE_ENOUGH = 1e-6
_SMALL = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPrior:
    """What is believed of a source of answers before.

    Attributes:
        trust: How likely an answer is right, either way.
        strength: As many answers as this belief is worth.
    """

    name: str
    trust: float
    strength: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmPrior:
    """What is believed of a source of alarms before.

    Attributes:
        trust: How likely an alarm means that the release was bad, were half of them so.
        reach: Share of bad releases that it ever tells of.
        delay_h: How long it takes on average, in hours.
        horizon_h: After so many hours it is not heard any more.
    """

    name: str
    trust: float
    reach: float
    delay_h: float
    horizon_h: float
    strength: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BasePrior:
    """How many releases with one kind of verdict are believed to be bad."""

    name: str
    share: float
    strength: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Priors:
    """What is believed before any release is seen; the order is that of the columns of `Reports`."""

    bases: tuple[BasePrior, ...]
    answers: tuple[AnswerPrior, ...]
    alarms: tuple[AlarmPrior, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """What was said of n releases.

    Attributes:
        base: Which base rate a release has, int64, (n,).
        service: Whose it is, any number that is the service's own, int64, (n,).
        answer_release: Of which release each of m answers is, int64, (m,).
        answer_source: Whose, int64, (m,).
        answer_bad: Whether it says that the release was bad, (m,).
        alarm_delay_h: Hours until each source's first alarm, NaN where none came, float64, (n, alarms).
        alarm_exposure_h: Hours in which one could have come so far, float64, (n, alarms).
    """

    base: Integers
    service: Integers
    answer_release: Integers
    answer_source: Integers
    answer_bad: Booleans
    alarm_delay_h: Floats
    alarm_exposure_h: Floats

    @property
    def size(self) -> int:
        """Return how many releases there are."""
        return len(self.base)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How sources and releases are, as estimated.

    Attributes:
        base: Share of bad releases for each base rate.
        sensitivity: Of bad releases that a source answered about, the share it called bad.
        specificity: Of others, the share it did not.
        reach: Of bad releases, the share that a source of alarms ever tells of.
        false_reach: Of others, the share of which it tells within its horizon.
        delay_h: Mean time until an alarm about a bad release.
        sensitivity_sd: Standard deviation of the estimate; so for the other names.
    """

    base: Floats
    sensitivity: Floats
    specificity: Floats
    reach: Floats
    false_reach: Floats
    delay_h: Floats
    sensitivity_sd: Floats
    specificity_sd: Floats
    reach_sd: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What was estimated.

    Attributes:
        p_bad: Probability that each release was bad, (n,).
        matured: Were it bad: of the alarms about it, the share that would be here by now, (n,).
        spoken: How far words moved the odds, in nats and without a sign, (n,).
        voices: How many answers and alarms each release has, (n,).
        rounds: Rounds until nothing moved any more.
    """

    parameters: Parameters
    p_bad: Floats
    matured: Floats
    spoken: Floats
    voices: Integers
    rounds: int


def prior_parameters(priors: Priors) -> Parameters:
    """Return the parameters that the priors alone give."""
    trust = np.array([one.trust for one in priors.answers])
    answer_weight = np.array([one.strength for one in priors.answers])
    reach = np.array([one.reach for one in priors.alarms])
    alarm_trust = np.array([one.trust for one in priors.alarms])
    spread = np.sqrt(trust * (1 - trust) / (answer_weight + 1))
    return Parameters(
        base=np.array([one.share for one in priors.bases]),
        sensitivity=trust,
        specificity=trust.copy(),
        reach=reach,
        false_reach=reach * (1 - alarm_trust) / alarm_trust,
        delay_h=np.array([one.delay_h for one in priors.alarms]),
        sensitivity_sd=spread,
        specificity_sd=spread.copy(),
        reach_sd=np.sqrt(reach * (1 - reach) / (np.array([one.strength for one in priors.alarms]) + 1)),
    )


def posterior(reports: Reports, priors: Priors, parameters: Parameters) -> Floats:
    """Return the probability that each release was bad, for given parameters.

    One more word for bad never lowers it, and the order of the words does not matter.
    """
    spoken, silent = _log_odds(reports, priors, parameters)
    return _sigmoid(_logit(parameters.base)[reports.base] + spoken + silent)


def fit(reports: Reports, priors: Priors) -> Fit:
    """Return the estimate for what was said; the priors alone where nothing was."""
    parameters = prior_parameters(priors)
    p_bad = posterior(reports, priors, parameters)
    weights = _weights(reports, len(priors.answers))
    rounds = 0
    while rounds < _MOST_ROUNDS:
        rounds += 1
        parameters = _maximised(reports, priors, parameters, p_bad, weights)
        now = posterior(reports, priors, parameters)
        moved = float(np.max(np.abs(now - p_bad), initial=0.0))
        p_bad = now
        if moved < _CLOSE_ENOUGH:
            break
    spoken, _ = _log_odds(reports, priors, parameters)
    alarms = np.isfinite(reports.alarm_delay_h)
    answers = np.bincount(reports.answer_release, minlength=reports.size)
    return Fit(
        parameters=parameters,
        p_bad=p_bad,
        matured=_matured(reports, parameters),
        spoken=np.abs(spoken),
        voices=answers + alarms.sum(axis=1),
        rounds=rounds,
    )


def _log_odds(reports: Reports, priors: Priors, parameters: Parameters) -> tuple[Floats, Floats]:
    """Return how far words move the log odds of bad, and how far silence does."""
    says_bad = np.log(parameters.sensitivity) - np.log1p(-parameters.specificity)
    says_not = np.log1p(-parameters.sensitivity) - np.log(parameters.specificity)
    each = np.where(reports.answer_bad, says_bad[reports.answer_source], says_not[reports.answer_source])
    spoken = np.bincount(reports.answer_release, weights=each, minlength=reports.size).astype(np.float64)
    silent = np.zeros(reports.size)
    for place, prior in enumerate(priors.alarms):
        fired, quiet = _alarm_log_odds(
            reports.alarm_delay_h[:, place],
            reports.alarm_exposure_h[:, place],
            float(parameters.reach[place]),
            float(parameters.false_reach[place]),
            float(parameters.delay_h[place]),
            prior.horizon_h,
        )
        spoken += fired
        silent += quiet
    return spoken, silent


def _alarm_log_odds(
    delay: Floats, exposure: Floats, reach: float, false_reach: float, mean_delay: float, horizon: float
) -> tuple[Floats, Floats]:
    """Return what alarms and their absence say, in nats.

    An alarm about a bad release comes exponentially late, one about another at any time of the horizon. That
    makes a late one weaker. It never speaks for a release, and silence never against one.
    """
    has_fired = np.isfinite(delay)
    late = np.clip(np.where(has_fired, delay, 0.0), 0.0, horizon)
    density = np.log(reach / mean_delay) - late / mean_delay
    fired = np.where(has_fired, np.maximum(density - np.log(false_reach / horizon), 0.0), 0.0)
    age = np.clip(exposure, 0.0, horizon)
    missed = np.log1p(-reach * -np.expm1(-age / mean_delay))
    quiet = np.where(has_fired, 0.0, np.minimum(missed - np.log1p(-false_reach * age / horizon), 0.0))
    return fired, quiet


def _weights(reports: Reports, sources: int) -> Floats:
    """Return how much each answer counts when its source is judged, from 0 to 1, (m,)."""
    said = np.zeros((reports.size, sources + reports.alarm_delay_h.shape[1]), dtype=bool)
    said[reports.answer_release, reports.answer_source] = True
    said[:, sources:] = np.isfinite(reports.alarm_delay_h)
    is_compared = said.sum(axis=1)[reports.answer_release] >= 2
    weights: Floats = is_compared.astype(np.float64)
    service = reports.service[reports.answer_release]
    for source in range(sources):
        mine = is_compared & (reports.answer_source == source)
        most = max(_LARGEST_SHARE * float(mine.sum()), _LEAST_UNCAPPED)
        names, counts = np.unique(service[mine], return_counts=True)
        for name, count in zip(names, counts, strict=True):
            if count > most:
                weights[mine & (service == name)] = most / count
    return weights


def _maximised(
    reports: Reports, priors: Priors, before: Parameters, p_bad: Floats, weights: Floats
) -> Parameters:
    """Return the likeliest parameters where each release is bad with the given probability."""
    base = np.array(
        [
            _share(
                float(p_bad[reports.base == place].sum()),
                float((reports.base == place).sum()),
                one.share,
                one.strength,
            )
            for place, one in enumerate(priors.bases)
        ]
    )
    sensitivity, sensitivity_sd, specificity, specificity_sd = _answers(reports, priors, p_bad, weights)
    reach, false_reach, delay, reach_sd = _alarms(reports, priors, before, p_bad)
    return Parameters(
        base=base,
        sensitivity=sensitivity,
        specificity=specificity,
        reach=reach,
        false_reach=false_reach,
        delay_h=delay,
        sensitivity_sd=sensitivity_sd,
        specificity_sd=specificity_sd,
        reach_sd=reach_sd,
    )


def _answers(
    reports: Reports, priors: Priors, p_bad: Floats, weights: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    count = len(priors.answers)
    trust = np.array([one.trust for one in priors.answers])
    strength = np.array([one.strength for one in priors.answers])

    def total(values: Floats) -> Floats:
        return np.bincount(reports.answer_source, weights=values, minlength=count).astype(np.float64)

    bad = weights * p_bad[reports.answer_release]
    good = weights * (1 - p_bad[reports.answer_release])
    of_bad, of_good = total(bad) + strength, total(good) + strength
    # A release of which nobody knows what it was tells nothing of who answered about it.
    certain = (1 - 2 * p_bad[reports.answer_release]) ** 2
    sensitivity = (total(bad * reports.answer_bad) + trust * strength) / of_bad
    specificity = (total(good * ~reports.answer_bad) + trust * strength) / of_good
    # A source that is worse than a coin says nothing, rather than the opposite of what it says.
    is_worse = sensitivity + specificity < 1.0
    middle = (sensitivity + 1.0 - specificity) / 2.0
    sensitivity = _inside(np.where(is_worse, middle, sensitivity))
    specificity = _inside(np.where(is_worse, 1.0 - middle, specificity))
    return (
        sensitivity,
        np.sqrt(sensitivity * (1 - sensitivity) / (total(bad * certain) + strength + 1)),
        specificity,
        np.sqrt(specificity * (1 - specificity) / (total(good * certain) + strength + 1)),
    )


def _alarms(
    reports: Reports, priors: Priors, before: Parameters, p_bad: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    reach, false_reach = np.zeros(len(priors.alarms)), np.zeros(len(priors.alarms))
    delay, spread = np.zeros(len(priors.alarms)), np.zeros(len(priors.alarms))
    first = prior_parameters(priors)
    for place, prior in enumerate(priors.alarms):
        late, exposure = reports.alarm_delay_h[:, place], reports.alarm_exposure_h[:, place]
        has_fired = np.isfinite(late)
        age = np.clip(exposure, 0.0, prior.horizon_h)
        is_seen = has_fired | (age > 0)
        mean = float(before.delay_h[place])
        # Of what is silent so far, the part that will speak yet: Chapelle's hidden conversions.
        survives = np.exp(-age / mean)
        later = before.reach[place] * survives / (1 - before.reach[place] * (1 - survives))
        bad, good = p_bad * is_seen, (1 - p_bad) * is_seen
        speaks = np.where(has_fired, 1.0, later)
        of_bad = float(bad.sum())
        reach[place] = _share(float((bad * speaks).sum()), of_bad, prior.reach, prior.strength)
        known = float((bad * (1 - later) * (1 - 2 * p_bad) ** 2).sum()) + prior.strength
        spread[place] = np.sqrt(reach[place] * (1 - reach[place]) / (known + 1))
        waited = np.where(has_fired, np.clip(np.nan_to_num(late), 0.0, prior.horizon_h), later * age)
        # A prior worth two alarms: one alone must not say how late all others come.
        fired = float((bad * has_fired).sum())
        delay[place] = (float((bad * waited).sum()) + 2 * prior.delay_h) / (fired + 2)
        seen_of_good = good * np.where(has_fired, 1.0, age / prior.horizon_h)
        false_reach[place] = _share(
            float((good * has_fired).sum()),
            float(seen_of_good.sum()),
            float(first.false_reach[place]),
            prior.strength,
        )
        delay[place] = min(max(delay[place], _SMALL), prior.horizon_h)
    reach, false_reach = _inside(reach), _inside(false_reach)
    return reach, np.minimum(false_reach, reach), delay, spread


def _matured(reports: Reports, parameters: Parameters) -> Floats:
    """Return the share of a bad release's alarms that would be here by now, weighed by how many it has."""
    total = float(parameters.reach.sum())
    if total <= 0:
        return np.zeros(reports.size)
    arrived = -np.expm1(-np.maximum(reports.alarm_exposure_h, 0.0) / parameters.delay_h)
    share: Floats = (arrived * parameters.reach).sum(axis=1) / total
    return share


def _share(hits: float, total: float, prior: float, strength: float) -> float:
    return (hits + prior * strength) / (total + strength)


def _inside(values: Floats) -> Floats:
    inside: Floats = np.clip(values, 1e-4, 1 - 1e-4)
    return inside


def _logit(values: Floats) -> Floats:
    inside = np.clip(values, _SMALL, 1 - _SMALL)
    odds: Floats = np.log(inside) - np.log1p(-inside)
    return odds


def _sigmoid(values: Floats) -> Floats:
    odds: Floats = np.exp(-values)
    return 1.0 / (1.0 + odds)
