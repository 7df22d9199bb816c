"""A small made-up recording of pod-minutes: two services released at once, one of them bad."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np

START = 1_700_000_000 // 60 * 60
READY = START + 20 * 60 + 15
NEXT_STEP = READY + 15 * 60


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


def write(folder: Path) -> Path:
    """Write the recording as it is published, and return its file."""
    file = folder / "replay.jsonl.gz"
    with gzip.open(file, "wt") as out:
        out.writelines(json.dumps(row) + "\n" for row in lines())
    return file
