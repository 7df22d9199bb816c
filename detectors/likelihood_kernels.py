"""Compiled sums behind the e-processes: whitening by a Kalman filter, and beta-binomial likelihoods.

Sources: R. E. Kalman, "A New Approach to Linear Filtering and Prediction Problems", Journal of Basic
Engineering 82 (1960), for the innovations; A. C. Harvey, "Forecasting, Structural Time Series Models and the
Kalman Filter", Cambridge 1989, section 3.4, for regression by filtering the regressors like the readings;
J. G. Skellam, Journal of the Royal Statistical Society B 10 (1948), for the beta-binomial.
"""

from math import lgamma, log

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_PRODUCT = 24.0
"""Up to so many events a likelihood is a plain product: faster than logarithms of gamma functions."""


@njit(cache=True)
def whitened_sums(
    y: Floats,
    is_live: NDArray[np.bool_],
    size: Floats,
    at: Floats,
    memories: Floats,
    nuggets: Floats,
    swells: Floats,
) -> Floats:
    """Return what a regression on a lasting offset and a live shift needs, (structures, 7).

    The noise is a chain AR(1) with a share of white noise on top, of unit variance. The columns are the
    products, whitened, of: readings with themselves, with the offset, with the shift; offset with itself,
    with the shift; shift with itself; and the log-determinant of the noise.

    Args:
        y: Readings, (told,).
        is_live: Which came after the release, (told,).
        size: Deviation of each reading's noise in units of one pod's, (told,).
        at: Interval of each reading, rising, (told,).
        memories: AR(1) coefficient of each structure, in [0, 1).
        nuggets: White share of each structure's variance, in [0, 1].
        swells: By what each structure multiplies the live noise's deviation.
    """
    sums = np.zeros((len(memories), 7))
    for s in range(len(memories)):
        memory, nugget, swell = memories[s], nuggets[s], swells[s]
        variance = 1.0 - nugget
        state_y = state_1 = state_d = 0.0
        for t in range(len(y)):
            if t > 0:
                fade = memory ** (at[t] - at[t - 1])
                state_y *= fade
                state_1 *= fade
                state_d *= fade
                variance = fade * fade * variance + (1.0 - fade * fade) * (1.0 - nugget)
            scale = 1.0 / (size[t] * (swell if is_live[t] else 1.0))
            total = variance + nugget
            gain = variance / total
            v_y = y[t] * scale - state_y
            v_1 = scale - state_1
            v_d = (scale if is_live[t] else 0.0) - state_d
            sums[s, 0] += v_y * v_y / total
            sums[s, 1] += v_y * v_1 / total
            sums[s, 2] += v_y * v_d / total
            sums[s, 3] += v_1 * v_1 / total
            sums[s, 4] += v_1 * v_d / total
            sums[s, 5] += v_d * v_d / total
            sums[s, 6] += log(total) - 2.0 * log(scale)
            state_y += gain * v_y
            state_1 += gain * v_1
            state_d += gain * v_d
            variance *= 1.0 - gain
    return sums


@njit(cache=True)
def beta_binomial_table(
    x: Floats, y: Floats, logit: Floats, share: Floats, ratios: Floats, wobbles: Floats
) -> Floats:
    """Return log-likelihoods of the canary's part of both sides' events, (intervals, ratios, wobbles).

    Args:
        x: The canary's events, (intervals,).
        y: The stable pods' events, (intervals,).
        logit: Log of the canary's exposure over the stable pods', (intervals,).
        share: Squared CV of the rates' ratio in units of one pod's, (intervals,).
        ratios: Logs of the rates' ratio, (ratios,).
        wobbles: Squared CVs of one pod's rate, above 0, (wobbles,).
    """
    table = np.zeros((len(x), len(ratios), len(wobbles)))
    for t in range(len(x)):
        both = x[t] + y[t]
        if both <= 0:
            continue
        is_small = both <= MOST_PRODUCT and x[t] == np.floor(x[t]) and y[t] == np.floor(y[t])
        for g in range(len(ratios)):
            odds = logit[t] + ratios[g]
            chance = 1.0 / (1.0 + np.exp(-odds))
            chance = min(max(chance, 1e-12), 1.0 - 1e-12)
            rest = 1.0 / (1.0 + np.exp(odds))
            rest = min(max(rest, 1e-12), 1.0 - 1e-12)
            for w in range(len(wobbles)):
                precision = max(1.0 / (chance * rest * share[t] * wobbles[w]), 1e-3)
                a = chance * precision
                b = rest * precision
                if is_small:
                    # Rising factorials; each factor is a chance, so that the product stays a float.
                    product = 1.0
                    done = 0.0
                    for i in range(int(x[t])):
                        product *= (a + i) / (precision + done)
                        done += 1.0
                    for i in range(int(y[t])):
                        product *= (b + i) / (precision + done)
                        done += 1.0
                    table[t, g, w] = log(max(product, 1e-300))
                else:
                    table[t, g, w] = (
                        lgamma(a + x[t])
                        - lgamma(a)
                        + lgamma(b + y[t])
                        - lgamma(b)
                        - lgamma(precision + both)
                        + lgamma(precision)
                    )
    return table


@njit(cache=True)
def burst_log_likelihoods(
    x: Floats, both: Floats, logit: Floats, at: Floats, share: Floats, wobbles: Floats, memories: Floats
) -> Floats:
    """Return log-likelihoods of wobbles that last, (wobbles, memories).

    The canary's events beyond what chance says are normal, given both sides' events; the log-ratio of the
    rates wobbles as a chain AR(1) with each of the squared CVs and memories.

    Args:
        x: The canary's events, (intervals,).
        both: Both sides' events, (intervals,).
        logit: Log odds of an event being the canary's, (intervals,).
        at: Number of each interval, rising, (intervals,).
        share: Squared CV of the rates' ratio in units of one pod's, (intervals,).
        wobbles: Squared CVs of one pod's rate, (wobbles,).
        memories: AR(1) coefficients, in [0, 1), (memories,).
    """
    found = np.zeros((len(wobbles), len(memories)))
    for w in range(len(wobbles)):
        for j in range(len(memories)):
            state = 0.0
            part = 1.0
            for t in range(len(x)):
                if t > 0:
                    fade = memories[j] ** (at[t] - at[t - 1])
                    state *= fade
                    part = fade * fade * part + 1.0 - fade * fade
                chance = 1.0 / (1.0 + np.exp(-logit[t]))
                information = both[t] * chance * (1.0 - chance)
                if information <= 0.0:
                    continue
                spread = part * wobbles[w] * share[t]
                total = information * information * spread + information
                miss = x[t] - both[t] * chance - information * state
                found[w, j] -= 0.5 * (log(total) + miss * miss / total)
                gain = information * spread / total
                state += gain * miss
                part *= 1.0 - gain * information
    return found
