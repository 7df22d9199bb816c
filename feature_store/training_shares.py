"""Shares: how the budget of false rollbacks is placed among signals, from which of them find harm first.

Shares w make the mixture of the signals' e-values, sum of w(s) E(s), which is an e-value again. Best are
those under which it has grown most, on the average of the logarithm over bad releases, at the look at which
they are found: the growth-rate optimal mixture. That is a concave problem with a maximum-likelihood form,
solved by expectation-maximisation as for the weights of a mixture of densities, with a Dirichlet prior at the
shares that people set: where little was seen, little moves. A service's shares have their prior at what was
learnt of all services, as strong as services are found to be alike (empirical Bayes). A signal whose e-values
wander higher in good releases than chance allows counts for as much less.

Sources: P. Grunwald, R. de Heide, W. Koolen, "Safe Testing", JRSS B 86 (2024), for growth-rate optimality;
T. Cover, "An algorithm for maximizing expected log investment return", IEEE Transactions on Information
Theory 30 (1984), for the iteration; A. Gelman et al., "Bayesian Data Analysis" (2013), section 5.1, for the
prior of priors.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import gammaln

from feature_store.lessons import UNLEARNT, Floats, Lesson, capped
from schemas.policy import Rule

PRIOR_RELEASES = 10.0
"""As many bad releases the shares that people set are worth."""

LEAST_PART = 0.25
"""A signal keeps at least this part of the share that people gave it: what never broke may yet. It then costs
log 4 in evidence to find by it, a few minutes, and never a find."""

STRENGTHS = (5.0, 10.0, 20.0, 50.0, 100.0, 1000.0)
"""How many releases what was learnt of all services may be worth at one of them."""

_LARGEST_GOOD_LOG_E = 3.0
"""A good release says of a signal's calibration no more than this, in nats: one wrong label moves little."""

_GOOD_RELEASES = 20.0
"""As many good releases the belief that e-values are calibrated is worth."""


def weighty(rule: Rule) -> dict[str, float]:
    """Return the shares of signals that can convict, by name, summing to 1."""
    shares = {str(signal.name): signal.share for signal in rule.signals if signal.share > 0}
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


def learnt_shares(
    lessons: Sequence[Lesson], rules: Mapping[str, Rule], general: Rule
) -> tuple[dict[str, float], dict[str, dict[str, float]], float]:
    """Return parts of the signals' budget: of all services, of each with a bad release, and the strength.

    Args:
        lessons: Releases.
        rules: By `environment/service`, what people set.
        general: What holds where nothing else is named.

    Returns:
        Parts by signal, summing to 1; the same by service; how many releases the first are worth at one.
    """
    before = weighty(general)
    names = sorted(before)
    wander = _wander(lessons, names)
    evidence = np.array([_at_turning(lesson, names) for lesson in lessons]).reshape(len(lessons), len(names))
    evidence = evidence - wander
    told = np.array([lesson.bad for lesson in lessons]) * _told(
        evidence, np.array([before[n] for n in names])
    )
    prior = np.array([before[name] for name in names])
    of_all, _ = _mixture(evidence, capped(lessons, told), prior, PRIOR_RELEASES)
    counts = _by_service(lessons, evidence, told, of_all)
    strength = max(STRENGTHS, key=lambda k: sum(_likelihood(count, k * of_all) for count in counts.values()))
    shares = {}
    for key in sorted(counts):
        mine = weighty(rules.get(key, general))
        place = [number for number, name in enumerate(names) if name in mine]
        if not place or set(mine) - set(names):
            # Signals of its own: nothing that was learnt elsewhere says how they compare.
            continue
        rows = np.array([lesson.key == key for lesson in lessons])
        tilted = np.array([mine[names[p]] * of_all[p] / prior[p] for p in place])
        found, _ = _mixture(evidence[rows][:, place], told[rows], tilted / tilted.sum(), strength)
        shares[key] = _kept(dict(zip([names[p] for p in place], found, strict=True)), mine)
    return _kept(dict(zip(names, of_all, strict=True)), before), shares, strength


def _at_turning(lesson: Lesson, names: Sequence[str]) -> list[float]:
    """Return each signal's log e-value at the look that tells; 0 for one that said nothing by then."""
    at = lesson.turning()
    found = []
    for name in names:
        track = lesson.tracks.get(name)
        looks = 0 if track is None else int(np.searchsorted(track.minutes, at, side="right"))
        found.append(0.0 if track is None or not looks else float(track.log_e[looks - 1]))
    return found


def _wander(lessons: Sequence[Lesson], names: Sequence[str]) -> Floats:
    """Return by how much e-values of good releases are larger than 1 on average, in nats, (signals,).

    At the end of a watch the mean of an e-value over good releases is 1 at most, if its assumptions hold.
    """
    weights = capped(lessons, np.array([lesson.good for lesson in lessons]))
    found = []
    for name in names:
        total, sums = _GOOD_RELEASES, _GOOD_RELEASES
        for lesson, weight in zip(lessons, weights, strict=True):
            track = lesson.tracks.get(name)
            if track is not None and name not in UNLEARNT:
                total += weight
                sums += weight * float(np.exp(min(float(track.log_e[-1]), _LARGEST_GOOD_LOG_E)))
        found.append(max(0.0, float(np.log(sums / total))))
    return np.array(found)


def _told(evidence: Floats, prior: Floats) -> Floats:
    """Return how far anything speaks against each release, from 0 to 1: without, a label teaches nothing."""
    mixed = np.log(np.exp(np.minimum(evidence, 700.0)) @ prior + 1e-300)
    return np.asarray(np.clip(mixed / np.log(100.0), 0.0, 1.0))


def _mixture(evidence: Floats, weights: Floats, prior: Floats, strength: float) -> tuple[Floats, Floats]:
    """Return the best shares, and how many releases speak for each signal."""
    shares, counts = prior.copy(), np.zeros(len(prior))
    top = evidence.max(axis=1, keepdims=True) if evidence.size else evidence
    for _ in range(500):
        likelihood = np.exp(evidence - top) * shares
        parts = likelihood / np.maximum(likelihood.sum(axis=1, keepdims=True), 1e-300)
        counts = weights @ parts
        now = (counts + strength * prior) / (float(weights.sum()) + strength)
        moved = float(np.abs(now - shares).max())
        shares = now
        if moved < 1e-9:
            break
    return shares, counts


def _by_service(
    lessons: Sequence[Lesson], evidence: Floats, told: Floats, shares: Floats
) -> dict[str, Floats]:
    """Return how many bad releases of each service speak for each signal; none without any."""
    counts: dict[str, Floats] = {}
    for lesson, row, weight in zip(lessons, evidence, told, strict=True):
        if weight > 0:
            likelihood = np.exp(row - row.max()) * shares
            so_far = counts.get(lesson.key, np.zeros(len(shares)))
            counts[lesson.key] = so_far + weight * likelihood / likelihood.sum()
    return counts


def _likelihood(counts: Floats, concentration: Floats) -> float:
    """Return the log-likelihood of counts under a Dirichlet-multinomial, up to what does not hang on it."""
    total, alpha = float(counts.sum()), float(concentration.sum())
    inner = gammaln(counts + concentration) - gammaln(concentration)
    return float(gammaln(alpha) - gammaln(total + alpha) + inner.sum())


def _kept(found: dict[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """Return parts with the least that a signal keeps, summing to 1."""
    floors = {name: LEAST_PART * before[name] for name in found}
    free = 1.0 - sum(floors.values())
    above = {name: max(found[name] - floors[name], 0.0) for name in found}
    total = sum(above.values())
    if total <= 0:
        return dict(before)
    return {name: floors[name] + free * above[name] / total for name in found}
