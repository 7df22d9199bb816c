"""The benchmark of releases that log, one release of a kind."""

import numpy as np

from bench.log_releases import CELLS, Cell, convicted_minute


def test_a_new_error_is_found_and_a_harmless_release_is_left_alone() -> None:
    assert convicted_minute(Cell(new=0.05), np.random.default_rng(1)) is not None
    assert convicted_minute(CELLS["same, bursty"], np.random.default_rng(1)) is None
