"""Expected sizes of damage: part of a mixture's weight around the change that bad releases mostly made.

Any prior over the alternatives keeps an e-value an e-value, since each alternative has expectation 1 at most
under the null and so has every weighted mean of them. What was learnt therefore moves only how soon harm is
found. Half of the weight stays where it was: damage of another size costs a factor of two, log 2 in evidence,
and no more.

Source: V. Vovk, R. Wang, "E-values: Calibration, combination and applications", Annals of Statistics 49
(2021), section 2, for mixtures; P. Grunwald, R. de Heide, W. Koolen, "Safe Testing", JRSS B 86 (2024), for
priors on the alternative.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PART = 0.5
"""Part of the weight that goes to what is expected; the rest stays as it was."""

WIDTH = 0.5
"""Deviation of a size around what is expected, in logarithms: damage of one kind differs, too."""


def expecting(log_weights: Floats, shifts: Floats, expected: float | None, width: float = WIDTH) -> Floats:
    """Return the logs of weights that sum to 1, with part of them around an expected shift.

    Args:
        log_weights: Logs of the weights as they are, (alternatives,); they sum to 1.
        shifts: What each alternative is, on the axis that `expected` is on, (alternatives,).
        expected: The shift that is expected; None leaves the weights as they are. Beyond the alternatives
            it counts as the nearest.
        width: Deviation around it, on the same axis, above 0.
    """
    if expected is None:
        return log_weights
    center = min(max(expected, float(shifts.min())), float(shifts.max()))
    bell = np.exp(-0.5 * ((shifts - center) / width) ** 2)
    total = float(bell.sum())
    # Between two alternatives that lie far apart no bell may be seen: the nearest one has it all.
    bell = bell / total if total > 0 else (shifts == shifts[np.argmin(np.abs(shifts - center))]).astype(float)
    return np.asarray(np.log((1.0 - PART) * np.exp(log_weights) + PART * bell))
