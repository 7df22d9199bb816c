"""How well the risk of a release is foretold before it begins: models against the prior and the base rate.

    python -m bench.risk --data foxplainer-0.2.0-py3-none-any.whl
    python -m bench.risk --data none --releases 4000 --seed 1

Walk forward: five ranges of time are held back one after the other, each foretold by models that knew neither
its releases nor a label that came later. `--data none` makes releases by a stated mechanism
(`bench.risk_generated`), so that wrong labels, drift and late labels can be had one at a time; what is made
is held to the truth. With `--data` it reads public data (`bench.risk_public`; `pip download --no-deps
foxplainer==0.2.0`), which have no delay.

Printed as JSON: for each kind of model Brier score, log loss, AUC and calibration error with 95 % intervals
by blocks of time, and the bins of reliability with their counts.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import Started, report
from bench.risk_generated import Flaws, generate
from bench.risk_public import PROJECTS, read_project
from feature_store.risk_learners import BOOSTED, ONLINE, PRIOR
from feature_store.risk_promotion import choose
from feature_store.risk_scores import Held, brier, brier_each, figures, interval
from feature_store.risk_trial import Trial, walk_forward

FLAWS = {
    "clean": Flaws(),
    "wrong_labels": Flaws(wrong=0.1),
    "drift": Flaws(drifts=True),
    "delay_ignored": Flaws(ignores_delay=True),
}


def on_public(source: Path, seed: int, rounds: int) -> dict[str, Any]:
    """Return what every model does on each project."""
    found = {}
    for project in PROJECTS:
        trial = walk_forward(read_project(source, project), seed)
        found[project] = _figures(trial, seed, rounds)
    return found


def on_generated(releases: int, seed: int, rounds: int) -> dict[str, Any]:
    """Return what every model does in each world, and what each flaw costs."""
    found: dict[str, Any] = {}
    trials = {}
    for name, flaws in FLAWS.items():
        world = generate(releases, seed, flaws)
        trial = trials[name] = walk_forward(world.history, seed)
        found[name] = _figures(trial, seed, rounds)
        best = Held(
            chance=world.chance[trial.places],
            bad=world.truth[trial.places],
            weight=np.ones(len(trial.places)),
        )
        found[name]["true_chance"] = {"brier": round(brier(best), 4)}
    found["costs_in_brier"] = {
        name: {
            model: _cost(trials[name], trials["clean"], model, seed, rounds) for model in (ONLINE, BOOSTED)
        }
        for name in ("wrong_labels", "delay_ignored")
    }
    return found


def _figures(trial: Trial, seed: int, rounds: int) -> dict[str, Any]:
    told: dict[str, Any] = {name: figures(held, seed, rounds) for name, held in trial.held.items()}
    choice = choose(trial, PRIOR, seed)
    told["rule"] = {"stage": choice.stage.value, "model": choice.name, "why": choice.why}
    return told


def _cost(flawed: Trial, clean: Trial, model: str, seed: int, rounds: int) -> dict[str, Any]:
    """Return how much worse a model is than the same one without the flaw, on the same releases."""
    apart = brier_each(flawed.held[model]) - brier_each(clean.held[model])
    limits = interval(lambda places: float(apart[places].mean()), len(apart), seed, rounds)
    return {
        "brier": round(float(apart.mean()), 4),
        "brier_95": None if limits is None else [round(limit, 4) for limit in limits],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="none", help="wheel or folder of the public data, or none")
    parser.add_argument("--releases", type=int, default=4000, help="how many are made")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=300, help="of each interval's resampling")
    options = parser.parse_args(arguments)
    started = Started()
    source = None if options.data == "none" else Path(options.data)
    if source is None:
        said = {"data": "generated", "releases": options.releases}
        said |= on_generated(options.releases, options.seed, options.rounds)
    else:
        said = {"data": "public", **on_public(source, options.seed, options.rounds)}
    report(said, started, source, seed=options.seed, packages=("lightgbm", "river"))


if __name__ == "__main__":
    main()
