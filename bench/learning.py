"""What learning is worth: years of releases in random orders, before and after, with true and wrong labels.

`python -m bench.learning --data DIR [--seeds N] [--poisoned]` prints one JSON object. A world's releases come
again and again for a year; once a month a profile is learnt from those whose labels are known by then, tried
in shadow and promoted by the product's rule. Each release is judged by a history that never saw it or its
case. Signals' shares, warm-ups and budgets are held against the evidence as it was recorded; expected sizes
change evidence itself, so generated releases are judged anew by the engine with the last profile.

With `--poisoned` every word about one release in ten says the opposite, and so does every word about one
service. Labels are drawn (`bench.learning_labels`); those sources err besides. Intervals are of 95 %, by the
bootstrap over cases or generated releases, all seeds of one together. `rules` are the shipped settings,
`champion` is what the rule of promotion let through, `newest` is the newest training as if it were used at
once.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta

from bench.learning_world import Releases, changerca, counts, generated, judged_anew
from bench.learning_year import FOLDS, MONTHS, Judged, Year, year
from bench.report import Started, report

SIDES = ("rules", "champion", "newest")
_ROUNDS = 2000
_WRONG = 0.1


def figures(years: Sequence[Year], seed: int) -> dict[str, Any]:
    """Return false rollbacks and delay of all three, with intervals and paired differences."""
    judged = [one for played in years for one in played.judged]
    groups = sorted({one.group for one in judged})
    of_group = {group: [one for one in judged if one.group == group] for group in groups}
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(groups), (_ROUNDS, len(groups)))
    found: dict[str, Any] = {
        "years": len(years),
        "releases": len(judged),
        "bad": sum(one.is_bad for one in judged),
        "trainings": sum(played.trainings for played in years),
        "promoted": sum(played.promoted for played in years),
        "rejected": sum(played.rejected for played in years),
        "retired": sum(played.retired for played in years),
    }

    def told(value: Callable[[Judged], float], is_bad: bool) -> list[float]:
        sums = np.array(
            [[sum(value(one) for one in of_group[group] if one.is_bad is is_bad)] for group in groups]
        )
        sizes = np.array([[sum(one.is_bad is is_bad for one in of_group[group])] for group in groups])
        if not sizes.sum():
            return []
        below = sizes[drawn, 0].sum(axis=1)
        means = sums[drawn, 0].sum(axis=1)[below > 0] / below[below > 0]
        low, high = np.quantile(means, (0.025, 0.975))
        return [round(float(x), 4) for x in (sums.sum() / sizes.sum(), low, high)]

    for side in SIDES:
        is_found, delay = partial(_is_found, side=side), partial(_delay, side=side)
        found[side] = {
            "false_rollbacks_per_1000": [round(1000.0 * share, 3) for share in told(is_found, False)],
            "found_share": told(is_found, True),
            "delay_min": told(delay, True),
        }
        if side != "rules":
            found[side]["minutes_earlier"] = told(partial(_gained, side=side), True)
    good = {one.group for one in judged if not one.is_bad}
    false = {one.group for one in judged if not one.is_bad and one.champion_min is not None}
    found["champion"]["good_groups_ever_taken_back"] = [len(false), len(good)]
    # Of groups, which are independent; releases of one are not.
    found["champion"]["upper_95_of_that_share"] = round(
        float(beta.ppf(0.95, len(false) + 1, len(good) - len(false))), 4
    )
    return found


def _minute(one: Judged, side: str) -> float | None:
    found: float | None = getattr(one, f"{side}_min")
    return found


def _is_found(one: Judged, side: str) -> float:
    return float(_minute(one, side) is not None)


def _gained(one: Judged, side: str) -> float:
    return _delay(one, "rules") - _delay(one, side)


def _delay(one: Judged, side: str) -> float:
    minute = _minute(one, side)
    return one.watched_min if minute is None else min(minute, one.watched_min)


def played(world: Releases, count: int, seeds: int, *, is_poisoned: bool) -> list[Year]:
    """Play so many years, each of another order."""
    keys = sorted({one.lesson.key for one in world.known})
    return [
        year(
            world,
            count,
            seed,
            wrong=_WRONG if is_poisoned else 0.0,
            # Another service each year.
            flipping=keys[seed % len(keys)] if is_poisoned else "",
        )
        for seed in range(seeds)
    ]


def with_sizes(world: Releases, runs: int, seed: int, played: Year) -> dict[str, Any]:
    """Return what the engine does on generated releases with the year's last profiles, sizes among them."""
    minutes = judged_anew(runs, seed, played.last)
    known = [one for one in world.known if one.group in minutes]
    bad, good = ([one for one in known if one.is_bad is is_bad] for is_bad in (True, False))
    before = [min(one.minute, one.lesson.watched_min) for one in bad]
    after = [
        one.lesson.watched_min if (at := minutes[one.group]) is None else min(at, one.lesson.watched_min)
        for one in bad
    ]
    return {
        "good": len(good),
        "false_before": sum(np.isfinite(one.minute) for one in good).item() if good else 0,
        "false_after": sum(minutes[one.group] is not None for one in good),
        "bad": len(bad),
        "found_before": int(sum(np.isfinite(one.minute) for one in bad)),
        "found_after": sum(minutes[one.group] is not None for one in bad),
        "delay_min_before": round(float(np.mean(before)), 3) if before else None,
        "delay_min_after": round(float(np.mean(after)), 3) if after else None,
    }


def measure(
    data: Path | None, seeds: int, runs: int, releases: int, *, is_poisoned: bool, seed: int = 1
) -> dict[str, Any]:
    """Return all figures.

    Args:
        data: Folder with `changerca`; None for generated releases alone.
        seeds: Years of each world.
        runs: Generated releases of each cell.
        releases: Of a year.
        is_poisoned: Whether labels are wrong.
        seed: Of the generated releases.
    """
    found: dict[str, Any] = {
        "labels": "10 % of releases wrong, one service flipped" if is_poisoned else "as sources err",
        "months": MONTHS,
        "folds": FOLDS,
        "releases_a_year": releases,
    }
    worlds = {} if data is None else {"changerca": changerca(data / "changerca")}
    worlds["generated"] = generated(runs, seed)
    for name, world in worlds.items():
        years = played(world, releases, seeds, is_poisoned=is_poisoned)
        alpha = world.policy.rules["*/*"].judge.alpha
        found[name] = {**counts(world.known), "budget_alpha": alpha, **figures(years, seed)}
        if world.is_generated:
            found[name]["engine_with_last_profile"] = with_sizes(world, runs, seed, years[0])
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with changerca; without, generated releases alone")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=10, help="generated releases of each cell")
    parser.add_argument("--releases", type=int, default=500, help="of a year")
    parser.add_argument("--poisoned", action="store_true")
    given = parser.parse_args()
    started = Started()
    found = measure(given.data, given.seeds, given.runs, given.releases, is_poisoned=given.poisoned)
    source = None if given.data is None else given.data / "changerca"
    report(found, started, source, seed=1)


if __name__ == "__main__":
    main()
