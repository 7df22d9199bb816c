"""The benchmark of risk on a few releases: it says what it measured on, and knows the truth that it made."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.risk import main
from bench.risk_generated import Flaws, generate
from bench.risk_public import read_project
from schemas.errors import SettingsError


def test_made_releases_are_said_to_be_made_and_every_model_has_its_interval(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["--releases", "240", "--rounds", "20"])
    said = json.loads(capsys.readouterr().out)
    assert (said["data"], said["seed"]) == ("generated", 1)
    for world in ("clean", "wrong_labels", "drift", "delay_ignored"):
        for model in ("base_rate", "prior", "online", "boosted"):
            low, high = said[world][model]["brier_95"]
            assert low <= said[world][model]["brier"] <= high
            assert sum(entry["releases"] for entry in said[world][model]["reliability"]) == 144
    assert said["costs_in_brier"].keys() == {"wrong_labels", "delay_ignored"}


def test_flaws_of_what_is_known_change_nothing_of_what_happened() -> None:
    plain, wrong = generate(200, 4, Flaws()), generate(200, 4, Flaws(wrong=0.3, ignores_delay=True))
    assert plain.truth.tolist() == wrong.truth.tolist()
    assert wrong.history.labels(np.inf).bad.tolist() == plain.truth.tolist()


def test_a_young_release_is_not_known_to_be_good_unless_the_delay_is_ignored() -> None:
    at = 100 * 24 * 3600.0
    known = generate(300, 4, Flaws()).history
    young = np.flatnonzero((known.began < at) & (known.labels(at).bad < 1.0))[-1]
    assert known.labels(at).weight[young] < 0.2
    ignored = generate(300, 4, Flaws(ignores_delay=True)).history.labels(at)
    assert (ignored.weight[young], ignored.bad[young]) == (1.0, 0.0)


def test_public_changes_are_read_in_their_order_with_what_was_known_before(tmp_path: Path) -> None:
    lines = ["la,ld,self,defect", "9,1,0,True", "2,0,1,False", "5,0,0,False"]
    (tmp_path / "qt.csv").write_text("\n".join(lines))
    history = read_project(tmp_path, "qt")
    assert history.names == ("la", "ld", "self", "change_lines", "service_rate")
    assert history.rows[:, 3].tolist() == [10.0, 2.0, 5.0]
    assert history.rows[:, 4].tolist() == [0.1, 2 / 11, 2 / 12]
    assert history.labels(1.0).weight.tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(SettingsError, match=r"openstack\.csv"):
        read_project(tmp_path, "openstack")
