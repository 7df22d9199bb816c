"""Kayenta's own pairs: whether the Kayenta-compatible judge says what Kayenta's tests expect.

`python -m bench.kayenta --data DIR [--verdicts FILE]` prints one JSON object; DIR holds `kayenta_judge.json`,
or is that file. Without the expected labels `agree` is null.

Source: 36 pairs of the tests of spinnaker/kayenta's `MannWhitneyClassifier` and `MeanInequalityClassifier`,
Apache-2.0.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import Started, report
from detectors.kayenta_metrics import Classified, Limits, MetricRule, Way, classify, classify_by_means
from schemas.kayenta import EffectMeasure, NanStrategy

_CLASSIFIERS = {"MannWhitneyClassifier": classify, "MeanInequalityClassifier": classify_by_means}


def classified(pair: dict[str, Any]) -> Classified:
    """Return what the judge calls a pair, under the pair's own settings.

    Raises:
        KeyError: the pair lacks a setting or names an unknown classifier.
    """
    rule = MetricRule(
        way=Way(pair["direction"].lower()),
        tolerance=pair["tolerance"],
        confidence=pair["conf"],
        measure=EffectMeasure(pair["measure"]),
        allowed=Limits(decrease=pair["effect"][0], increase=pair["effect"][1]),
        critical=Limits(decrease=pair["critical_effect"][0], increase=pair["critical_effect"][1]),
        is_critical=pair["critical_metric"],
        # Kayenta's default where a test names none.
        nan_strategy=NanStrategy(pair["nan"].lower() or NanStrategy.REMOVE),
    )
    # A gap arrives as the string "NaN".
    control, experiment = (
        np.array([float(value) for value in pair[side]], dtype=np.float64) for side in ("baseline", "canary")
    )
    return _CLASSIFIERS[pair["classifier"]](control, experiment, rule)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/bench"))
    parser.add_argument("--verdicts", type=Path)
    given = parser.parse_args(arguments)
    started = Started()
    source = given.data / "kayenta_judge.json" if given.data.is_dir() else given.data
    pairs = json.loads(source.read_text(encoding="utf-8"))
    print(f"{len(pairs)} pairs", file=sys.stderr)
    said = [(pair, classified(pair)) for pair in pairs]
    if given.verdicts is not None:
        lines = ({"name": pair["name"], "classification": found.label.value} for pair, found in said)
        given.verdicts.write_text("".join(json.dumps(line) + "\n" for line in lines))
    labelled = [(pair, found) for pair, found in said if "expected" in pair]
    differ = [
        pair["name"]
        for pair, found in labelled
        if found.label.value != pair["expected"]
        or found.is_critical != pair.get("expected_critical", found.is_critical)
    ]
    agree = len(labelled) - len(differ) if labelled else None
    report({"agree": agree, "of": len(pairs), "differ": differ}, started, source)


if __name__ == "__main__":
    main()
