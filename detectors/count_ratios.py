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

import numpy as np

from detectors.blips import capped
from detectors.expected_sizes import expecting
from detectors.likelihood_kernels import beta_binomial_table
from detectors.mixtures import log_sums
from detectors.pairings import LEAST_EVENTS, Floats, Pairing, Twin
from detectors.quiet_ratios import COUNTS_AS, WOBBLES, Known, counts_as, learnt, likely_offset

TIDES = ((0.05, 0.4), (0.2, 0.3), (0.8, 0.3))
"""How far the rate of both sides together may move from the quiet time to now, in logarithms, with prior
weights. A rate that has not moved says what the canary would have had; one that has moved says little."""

_SHIFTS = np.exp(np.linspace(np.log(0.05), np.log(4.2), 22))
_SHIFT_PRIOR = _SHIFTS * np.exp(-_SHIFTS / 0.8)
_SHIFT_PRIOR = np.log(_SHIFT_PRIOR / _SHIFT_PRIOR.sum() * 0.75 + 0.25 / len(_SHIFTS))
_BETTER = np.array([0.0, 0.05, 0.12, 0.25, 0.5, 1.0, 2.0, 4.0])


def ratio_log_e(
    live: Pairing,
    past: Pairing | None,
    halves: Pairing | None,
    margin: float,
    twins: tuple[Twin, ...] = (),
    expected: float | None = None,
) -> tuple[float, int, float]:
    """Return the log e-value of a ratio raised beyond the margin, what says most, and the wobble.

    Args:
        live: Canary against stable since the release.
        past: The same two sides before the release; None where the canary is new.
        halves: Stable pods against stable pods, for their wobble; None without.
        margin: Log of the largest rise of the ratio that is no damage, at least 0.
        twins: Each stable pod beside the others before the release, which tells how far a new one may differ.
        expected: By how many times damage is thought to raise the ratio; None thinks of all sizes alike.

    Returns:
        The log e-value that no single interval makes; the place in `live` of the interval that says most, -1
        for none; the mean squared CV that a pod's rate is taken to wobble by.
    """
    known = learnt(past, halves, twins)
    wobble = counts_as(known.wobbles)
    if not len(live.x):
        return 0.0, -1, wobble
    nodes = _nodes(live)
    prior = _prior(expected, margin)
    table = beta_binomial_table(live.x, live.y, live.logit, live.share, nodes, WOBBLES)
    total = table.sum(axis=0)
    full = _log_e(total + _tide(live, past, nodes), nodes, known, margin, prior)
    low, high = np.minimum(np.searchsorted(nodes, (margin, live.center()[0])), len(nodes) - 1)
    middle = len(WOBBLES) // 3
    worst = int(np.argmax(table[:, high, middle] - table[:, low, middle]))
    if full <= 0 or len(live.x) == 1:
        return min(full, 0.0), worst, wobble
    rest = total - table[worst] + _tide(live.without(worst), past, nodes)
    return capped(full, _log_e(rest, nodes, known, margin, prior)), worst, wobble


def _tide(live: Pairing, past: Pairing | None, nodes: Floats) -> Floats:
    """Return the log-likelihood of all events of both sides, given those of the quiet time, (nodes, wobbles).

    The rate of both sides may have moved, by a normal mixture in logarithms; 0 without a past.
    """
    if past is None:
        return np.zeros((len(nodes), len(WOBBLES)))
    events, before = float((live.x + live.y).sum()), float((past.x + past.y).sum())
    lasting, _ = likely_offset(past)
    expected = np.log(live.m.sum() + live.n.sum() * np.exp(nodes))
    expected -= np.log(past.m.sum() + past.n.sum() * np.exp(lasting))
    moved = np.log((events + LEAST_EVENTS) / (before + LEAST_EVENTS)) - expected
    chance = WOBBLES * 0.5 * (1.0 / len(live.x) + 1.0 / len(past.x))
    chance += 1.0 / (events + LEAST_EVENTS) + 1.0 / (before + LEAST_EVENTS)
    told = [
        np.log(weight) - 0.5 * np.log(size**2 + chance) - 0.5 * moved[:, None] ** 2 / (size**2 + chance)
        for size, weight in TIDES
    ]
    return log_sums(np.array(told), 0)


def _nodes(live: Pairing) -> Floats:
    """Return log-ratios to tabulate: dense where the likelihood peaks, wider in proportion beyond.

    They reach to where nothing changed, however many events the canary has beside twins that have none.
    """
    center, error = live.center()
    reach = np.arcsinh((6.0 + abs(center)) / error)
    return center + error * np.sinh(np.linspace(-reach, reach, 2 * int(np.ceil(reach / 0.3)) + 1))


def _prior(expected: float | None, margin: float) -> Floats:
    """Return the log weights of shifts beyond the margin."""
    if expected is None:
        return _SHIFT_PRIOR
    beyond = max(float(np.log(expected)) - margin, float(_SHIFTS[0]))
    return expecting(_SHIFT_PRIOR, np.log(_SHIFTS), float(np.log(beyond)))


def _log_e(total: Floats, nodes: Floats, known: Known, margin: float, prior: Floats) -> float:
    """Return the log of the ratio of the two marginal likelihoods.

    Args:
        total: Log-likelihood of the live intervals, (nodes, wobbles).
        nodes: Logs of the ratio, rising, (nodes,).
        known: What the quiet time says.
        margin: As in `ratio_log_e`.
        prior: Log weights of the shifts beyond it.
    """
    shifts = np.concatenate((margin - _BETTER, margin + _SHIFTS))
    at = known.offsets[:, None] + shifts[None, :]
    place = np.clip(np.searchsorted(nodes, at) - 1, 0, len(nodes) - 2)
    part = np.clip((at - nodes[place]) / (nodes[place + 1] - nodes[place]), 0.0, 1.0)[:, :, None]
    likelihood = total[place] * (1.0 - part) + total[place + 1] * part  # (offsets, shifts, wobbles)
    by_wobble = log_sums(likelihood + known.weights[:, None, :], 0)  # (shifts, wobbles)
    # A wobble that lasts counts as a larger one, but is as likely as it is by itself: minutes that are alike
    # for once must not refute it.
    peak = total.max(axis=0)
    size = peak[:, None] - peak[COUNTS_AS]
    joint = by_wobble[:, COUNTS_AS] + (known.wobbles + size)[None]
    summed = log_sums(joint, (1, 2))
    null = float(summed[: len(_BETTER)].max())
    return float(log_sums(summed[len(_BETTER) :] + prior, 0)) - null
