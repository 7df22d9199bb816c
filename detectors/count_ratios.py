"""E-process for the ratio of two sides' error rates in the same minutes, learnt from the minutes before.

Given that both sides together had k events, the canary's part of them is beta-binomial: its chance depends
on the exposures and the ratio of the two rates, and the rate itself, with its tides, cancels. Everything
else that is unknown is integrated, and learnt from the quiet minutes: a lasting ratio of the two sides, how
much a pod's rate wobbles beyond chance, and whether a wobble lasts for minutes. Null: the release raised
the ratio by at most the margin, whatever fits best. Alternative: a mixture over larger ratios.

Sources: M. Lindon, A. Malek, "Anytime-Valid Inference for Multinomial Count Data", NeurIPS 35 (2022), for
the conditional test; L. Wasserman, A. Ramdas, S. Balakrishnan, "Universal Inference", PNAS 117 (2020), for
the best fit under the null. Departures: the nuisances have priors, so that the bound holds on average over
these; a wobble that lasts is learnt from normal likelihoods, and then weighs as if minutes wobbled more by
themselves.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from detectors.blips import capped
from detectors.likelihood_kernels import beta_binomial_table, burst_log_likelihoods

Floats = NDArray[np.float64]

WOBBLES: Floats = 0.001 * 3.0 ** np.arange(9, dtype=np.float64)
"""Squared CVs that a pod's rate may wobble by; each is three times the one before."""

WOBBLE_PRIOR = np.array([0.50, 0.20, 0.10, 0.08, 0.05, 0.04, 0.02, 0.008, 0.002])

LASTING = np.array([0.0, 0.5, 0.8, 27.0 / 29.0])
"""How wobbles may last: correlations of neighbouring minutes, such that sums of many minutes wobble 1, 3, 9
and 28 times as much as if each wobbled by itself: steps of `WOBBLES`."""

LASTING_PRIOR = np.array([0.97, 0.018, 0.009, 0.003])

OWN_OFFSETS = ((0.02, 0.77), (0.08, 0.20), (0.3, 0.03))
"""How two sides that both were there before may differ for long, in logarithms, with prior weights."""

FRESH_OFFSETS = ((0.04, 0.80), (0.12, 0.17), (0.35, 0.03))
"""How a pod that nobody has seen before may differ from its twins."""

TIDES = ((0.05, 0.4), (0.2, 0.3), (0.8, 0.3))
"""How far the rate of both sides together may move from the quiet time to now, in logarithms, with prior
weights. A rate that has not moved says what the canary would have had; one that has moved says little."""

LEAST_EVENTS = 0.5
"""What a side's events count as at least where a ratio is only guessed at to place a grid."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """Two sides' events in the same intervals; only intervals in which both were exposed.

    Attributes:
        x: The canary's events, (intervals,).
        n: The canary's exposure, above 0, (intervals,).
        y: The stable pods' events, (intervals,).
        m: The stable pods' exposure, above 0, (intervals,).
        share: Squared CV of the rates' ratio in units of one pod's: 1 / pods of each side, (intervals,).
        at: Number of each interval, rising, (intervals,).
    """

    x: Floats
    n: Floats
    y: Floats
    m: Floats
    share: Floats
    at: Floats

    @property
    def logit(self) -> Floats:
        """Return the log of the canary's exposure over the stable pods', (intervals,)."""
        return np.log(self.n) - np.log(self.m)

    def key(self) -> tuple[bytes, ...]:
        """Return what tells it from others."""
        parts = (self.x, self.n, self.y, self.m, self.share, self.at)
        return tuple(part.tobytes() for part in parts)

    def without(self, place: int) -> "Pairing":
        """Return it without one interval."""
        parts = (self.x, self.n, self.y, self.m, self.share, self.at)
        return Pairing(*(np.delete(part, place) for part in parts))

    def center(self) -> tuple[float, float]:
        """Return a guess at the log of the rates' ratio, and its chance error at least."""
        x, y = float(self.x.sum()), float(self.y.sum())
        odds = np.exp(self.logit)
        expected = float(((self.x + self.y) * odds / (1.0 + odds)).sum())
        rest = x + y - expected
        guess = np.log((x + LEAST_EVENTS) / (expected + LEAST_EVENTS))
        guess -= np.log((y + LEAST_EVENTS) / (rest + LEAST_EVENTS))
        error = np.sqrt(1.0 / (x + LEAST_EVENTS) + 1.0 / (y + LEAST_EVENTS))
        floor = np.sqrt(WOBBLES[0] * float(self.share.mean()) / max(len(self.x), 1)) if len(self.x) else 0.0
        return float(guess), float(max(error, floor))


def pairing(
    canary: tuple[Floats, Floats], stable: tuple[Floats, Floats], pods: tuple[Floats, Floats]
) -> Pairing:
    """Return two sides' events where both were exposed.

    Args:
        canary: Events and exposure, (intervals,) each.
        stable: The same of the stable pods.
        pods: How many pods of each side spoke, (intervals,) each.
    """
    (x, n), (y, m) = canary, stable
    told = (n > 0) & (m > 0)
    return Pairing(
        x=x[told],
        n=n[told],
        y=y[told],
        m=m[told],
        share=1.0 / np.maximum(pods[0][told], 1) + 1.0 / np.maximum(pods[1][told], 1),
        at=np.flatnonzero(told).astype(np.float64),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What the quiet time says.

    Attributes:
        offsets: Logs of the lasting ratio that are thought of, (offsets,).
        weights: Log weights of offset, given wobble as it counts, (offsets, wobbles).
        wobbles: Log weights of a wobble and how it lasts, (wobbles, lasting).
    """

    offsets: Floats
    weights: Floats
    wobbles: Floats


_TIGHT = 0.05
_KNOWN_STEPS = np.linspace(-3.6, 3.6, 31)


def _log_sum(values: Floats, axis: int | tuple[int, ...]) -> Floats:
    top = values.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(values - top).sum(axis=axis)) + np.squeeze(top, axis=axis))


Twin = tuple[float, float, float]
"""One stable pod beside the others before the release: log of their lasting ratio, its chance error, and the
squared CV of that ratio in units of a pod's wobble."""


def twin_of(pair: Pairing) -> Twin:
    """Return how one stable pod compared with the others."""
    return (*pair.center(), float(pair.share.mean()) / len(pair.x))


def _learn(past: Pairing | None, halves: Pairing | None, twins: tuple[Twin, ...]) -> _Known:
    """Return what is known of the lasting ratio and the wobble; the arguments are those of `ratio_log_e`."""
    wobbles = np.log(WOBBLE_PRIOR)[:, None] + np.log(LASTING_PRIOR)[None, :]
    if halves is not None and len(halves.x):
        wobbles = wobbles + _told_by_halves(halves)
    center, spread = 0.0, FRESH_OFFSETS[0][0]
    scales = _as_twins_differ(twins, _counts_as(wobbles))
    if past is not None:
        scales = OWN_OFFSETS
        guess, error = past.center()
        part = _TIGHT**2 / (_TIGHT**2 + error**2)
        center, spread = part * guess, float(np.sqrt(part) * error)
    offsets = center + spread * np.sinh(_KNOWN_STEPS)
    density = sum(weight / scale * np.exp(-0.5 * (offsets / scale) ** 2) for scale, weight in scales)
    prior = np.log(np.maximum(density * np.cosh(_KNOWN_STEPS), 1e-300))
    prior = prior - _log_sum(prior, 0)
    weights = np.repeat(prior[:, None], len(WOBBLES), axis=1)
    if past is not None and len(past.x):
        told = beta_binomial_table(past.x, past.y, past.logit, past.share, offsets, WOBBLES).sum(axis=0)
        weights = weights + told
        evidence = _log_sum(weights, 0)
        weights = weights - evidence
        wobbles = wobbles + evidence[:, None] + _burst_gain(past)
    return _Known(offsets, weights, wobbles - _log_sum(wobbles, (0, 1)))


def _told_by_halves(halves: Pairing) -> Floats:
    """Return log-likelihoods of wobbles and how they last, (wobbles, lasting)."""
    steps = np.linspace(-2.5, 2.5, 15)
    guess, error = halves.center()
    ratios = guess + error * np.sinh(steps)
    told = beta_binomial_table(halves.x, halves.y, halves.logit, halves.share, ratios, WOBBLES).sum(axis=0)
    return _log_sum(told + np.log(np.cosh(steps))[:, None], 0)[:, None] + _burst_gain(halves)


def _as_twins_differ(twins: tuple[Twin, ...], wobble: float) -> tuple[tuple[float, float], ...]:
    """Return the fresh pod's scales with weights as the stable pods' lasting differences support them."""
    if len(twins) < 2:
        return FRESH_OFFSETS
    guess, error, share = np.array(twins).T
    logs = []
    for scale, weight in FRESH_OFFSETS:
        # Each pod is part of what the others are held against: of so many differences one is no news.
        variance = scale**2 * len(twins) / (len(twins) - 1) + error**2 + wobble * share
        told = -0.5 * (np.log(variance) + guess**2 / variance).sum() * (len(twins) - 1) / len(twins)
        logs.append(np.log(weight) + told)
    weights = np.exp(np.array(logs) - _log_sum(np.array(logs), 0))
    return tuple((scale, float(weight)) for (scale, _), weight in zip(FRESH_OFFSETS, weights, strict=True))


def _counts_as(wobbles: Floats) -> float:
    """Return the mean squared CV that a pod's rate is taken to wobble by, given log weights."""
    weights = np.exp(wobbles - _log_sum(wobbles, (0, 1)))
    return float((weights * WOBBLES[_COUNTS_AS]).sum())


def _burst_gain(past: Pairing) -> Floats:
    """Return how much likelier a wobble is that lasts than one that does not, in logs, (wobbles, lasting)."""
    logit = past.logit + past.center()[0]
    told = burst_log_likelihoods(past.x, past.x + past.y, logit, past.at, past.share, WOBBLES, LASTING)
    return np.asarray(told - told[:, :1])


@lru_cache(maxsize=256)
def _learnt(
    past: tuple[bytes, ...] | None, halves: tuple[bytes, ...] | None, twins: tuple[Twin, ...]
) -> _Known:
    return _learn(_restored(past), _restored(halves), twins)


def _restored(key: tuple[bytes, ...] | None) -> Pairing | None:
    return None if key is None else Pairing(*(np.frombuffer(part) for part in key))


_SHIFTS = np.exp(np.linspace(np.log(0.05), np.log(4.2), 22))
_SHIFT_PRIOR = 0.75 * _SHIFTS * np.exp(-_SHIFTS / 0.8)
_SHIFT_PRIOR = np.log(_SHIFT_PRIOR / _SHIFT_PRIOR.sum() * 0.75 + 0.25 / len(_SHIFTS))
_BETTER = np.array([0.0, 0.05, 0.12, 0.25, 0.5, 1.0, 2.0, 4.0])
_COUNTS_AS = np.minimum(np.arange(len(WOBBLES))[:, None] + np.arange(len(LASTING))[None, :], len(WOBBLES) - 1)


def ratio_log_e(
    live: Pairing,
    past: Pairing | None,
    halves: Pairing | None,
    margin: float,
    twins: tuple[Twin, ...] = (),
) -> tuple[float, int, float]:
    """Return the log e-value of a ratio raised beyond the margin, what says most, and the wobble.

    Args:
        live: Canary against stable since the release.
        past: The same two sides before the release; None where the canary is new.
        halves: Stable pods against stable pods, for their wobble; None without.
        margin: Log of the largest rise of the ratio that is no damage, at least 0.
        twins: Each stable pod beside the others before the release, which tells how far a new one may differ.

    Returns:
        The log e-value that no single interval makes; the place in `live` of the interval that says most, -1
        for none; the mean squared CV that a pod's rate is taken to wobble by.
    """
    keys = (past.key() if past is not None else None, halves.key() if halves is not None else None)
    known = _learnt(*keys, () if past is not None else twins)
    counts_as = _counts_as(known.wobbles)
    if not len(live.x):
        return 0.0, -1, counts_as
    nodes = _nodes(live)
    table = beta_binomial_table(live.x, live.y, live.logit, live.share, nodes, WOBBLES)
    total = table.sum(axis=0)
    full = _log_e(total + _tide(live, past, nodes), nodes, known, margin)
    low, high = np.minimum(np.searchsorted(nodes, (margin, live.center()[0])), len(nodes) - 1)
    middle = len(WOBBLES) // 3
    worst = int(np.argmax(table[:, high, middle] - table[:, low, middle]))
    if full <= 0 or len(live.x) == 1:
        return min(full, 0.0), worst, counts_as
    rest = total - table[worst] + _tide(live.without(worst), past, nodes)
    return capped(full, _log_e(rest, nodes, known, margin)), worst, counts_as


def _tide(live: Pairing, past: Pairing | None, nodes: Floats) -> Floats:
    """Return the log-likelihood of all events of both sides, given those of the quiet time, (nodes, wobbles).

    The rate of both sides may have moved, by a normal mixture in logarithms; 0 without a past.
    """
    if past is None:
        return np.zeros((len(nodes), len(WOBBLES)))
    events, before = float((live.x + live.y).sum()), float((past.x + past.y).sum())
    guess, error = past.center()
    lasting = guess * _TIGHT**2 / (_TIGHT**2 + error**2)
    expected = np.log(live.m.sum() + live.n.sum() * np.exp(nodes))
    expected -= np.log(past.m.sum() + past.n.sum() * np.exp(lasting))
    moved = np.log((events + LEAST_EVENTS) / (before + LEAST_EVENTS)) - expected
    chance = WOBBLES * 0.5 * (1.0 / len(live.x) + 1.0 / len(past.x))
    chance += 1.0 / (events + LEAST_EVENTS) + 1.0 / (before + LEAST_EVENTS)
    told = [
        np.log(weight) - 0.5 * np.log(size**2 + chance) - 0.5 * moved[:, None] ** 2 / (size**2 + chance)
        for size, weight in TIDES
    ]
    return _log_sum(np.array(told), 0)


def _nodes(live: Pairing) -> Floats:
    """Return log-ratios to tabulate: dense where the likelihood peaks, wider in proportion beyond.

    They reach to where nothing changed, however many events the canary has beside twins that have none.
    """
    center, error = live.center()
    reach = np.arcsinh((6.0 + abs(center)) / error)
    return center + error * np.sinh(np.linspace(-reach, reach, 2 * int(np.ceil(reach / 0.3)) + 1))


def _log_e(total: Floats, nodes: Floats, known: _Known, margin: float) -> float:
    """Return the log of the ratio of the two marginal likelihoods.

    Args:
        total: Log-likelihood of the live intervals, (nodes, wobbles).
        nodes: Logs of the ratio, rising, (nodes,).
        known: What the quiet time says.
        margin: As in `ratio_log_e`.
    """
    shifts = np.concatenate((margin - _BETTER, margin + _SHIFTS))
    at = known.offsets[:, None] + shifts[None, :]
    place = np.clip(np.searchsorted(nodes, at) - 1, 0, len(nodes) - 2)
    part = np.clip((at - nodes[place]) / (nodes[place + 1] - nodes[place]), 0.0, 1.0)[:, :, None]
    likelihood = total[place] * (1.0 - part) + total[place + 1] * part  # (offsets, shifts, wobbles)
    by_wobble = _log_sum(likelihood + known.weights[:, None, :], 0)  # (shifts, wobbles)
    # A wobble that lasts counts as a larger one, but is as likely as it is by itself: minutes that are alike
    # for once must not refute it.
    peak = total.max(axis=0)
    size = peak[:, None] - peak[_COUNTS_AS]
    joint = by_wobble[:, _COUNTS_AS] + (known.wobbles + size)[None]
    summed = _log_sum(joint, (1, 2))
    null = float(summed[: len(_BETTER)].max())
    return float(_log_sum(summed[len(_BETTER) :] + _SHIFT_PRIOR, 0)) - null
