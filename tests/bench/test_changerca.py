"""The ChangeRCA benchmark on a small made-up case: it runs without labels and says all that is asked."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.changerca import main

START = 1_700_000_000 // 60 * 60
READY = START + 20 * 60 + 15
NEXT_STEP = READY + 15 * 60
KEYS = ("f1", "f1_cv", "precision", "recall", "false_share", "hr1", "hr3", "median_min")


def lines() -> list[dict[str, Any]]:
    """Two services, each with a canary; the one of `cart` fails half of its calls."""
    random = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []
    for service in ("ads", "cart"):
        for what, pod in (("deleted", "v1-c"), ("ready", "v2-d")):
            rows.append(event(service, READY, what, pod, 0))
        rows.append(event(service, NEXT_STEP, "ready", "v2-e", 1))
        for minute in range(40):
            at = START + 60 * minute
            pods = ["v1-a", "v1-b", "v1-c"] if at < READY else ["v1-a", "v1-b", "v2-d"]
            for pod in pods:
                is_bad = service == "cart" and pod == "v2-d"
                values = {
                    "success": 50.0 if is_bad else 100.0,
                    "latency": float(10 * np.exp(random.normal(0, 0.05))),
                    "cpu": float(20 * np.exp(random.normal(0, 0.05))),
                    "mem": 5.0,
                }
                rows.append(
                    {
                        "kind": "metric",
                        "case": "one",
                        "ts": at,
                        "service": service,
                        "version": pod[:2],
                        "pod": f"{service}-{pod}",
                        "edge": f"frontend_{service}",
                        "values": values,
                    }
                )
    return sorted(rows, key=lambda row: row["ts"])


def event(service: str, at: int, what: str, pod: str, step: int) -> dict[str, Any]:
    return {
        "kind": "deploy",
        "case": "one",
        "change": f"one/{service}",
        "ts": at,
        "service": service,
        "pod": f"{service}-{pod}",
        "what": what,
        "step": step,
    }


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with gzip.open(tmp_path / "replay.jsonl.gz", "wt") as out:
        out.writelines(json.dumps(row) + "\n" for row in lines())
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    main(list(arguments))
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_it_runs_without_labels_and_writes_every_verdict(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = tmp_path / "verdicts.jsonl"
    found = run(capsys, "--data", str(data), "--verdicts", str(verdicts))
    assert {found[key] for key in KEYS} == {None}
    said = [json.loads(line) for line in verdicts.read_text().splitlines()]
    changes = {entry["change"]: entry for entry in said if "change" in entry}
    assert not changes["one/ads"]["rolled_back"]
    assert changes["one/cart"]["rolled_back"]
    assert READY < changes["one/cart"]["at"] <= READY + 300
    assert [entry["ranking"][0] for entry in said if "case" in entry] == ["one/cart"]


def test_labels_give_the_figures(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "labels.csv").write_text("change_id,case_id,bad\none/ads,one,0\none/cart,one,1\n")
    found = run(capsys, "--data", str(data))
    assert (found["f1"], found["hr1"], found["false_rollbacks"]) == (1.0, 1.0, 0)
    assert found["median_min"] <= 5


def test_the_same_lines_give_the_same_verdicts_byte_for_byte(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = []
    for name in ("first", "second"):
        run(capsys, "--data", str(data), "--verdicts", str(tmp_path / name))
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]


def test_quiet_pods_that_pose_as_canaries_are_not_rolled_back(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(capsys, "--data", str(data), "--aa")
    assert found["counts"] == {"pods": 6, "rolled_back": 0, "mute": 0, "mute_rolled_back": 0}
    assert found["share"] == 0.0
