"""The door to LightGBM: small trees, boosted, learnt from releases whose labels are probabilities.

They come out as plain data (`schemas.risk_models`), so that who serves them needs no LightGBM. One thread and
its deterministic mode: the same data and seed give the same trees on one kind of machine.

Source: G. Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NIPS (2017); its
objective `cross_entropy` takes labels in [0, 1].
"""

from typing import Any

from feature_store.label_model import Floats
from schemas.risk_models import RiskModel, RiskTree

ROUNDS, LEAVES = 80, 6
"""Small and few on purpose: a service has hundreds of releases, not millions."""

LEAST_RELEASES = 60
"""With fewer that are known, there is nothing to split."""


def fit_boosted(names: tuple[str, ...], rows: Floats, bad: Floats, weight: Floats, seed: int) -> RiskModel:
    """Return boosted trees, not calibrated yet.

    Args:
        names: Of the columns.
        rows: float64, (releases, names), NaN for what nobody knew.
        bad: How likely each release was bad.
        weight: How much of that is known; releases of no weight are passed over.
        seed: What random choices of features come from.
    """
    booster = train_booster(names, rows, bad, weight, seed)
    trees = [_tree(found["tree_structure"]) for found in booster.dump_model()["tree_info"]]
    return RiskModel(kind="boosted", features=names, trees=tuple(trees))


def train_booster(names: tuple[str, ...], rows: Floats, bad: Floats, weight: Floats, seed: int) -> Any:
    """Return LightGBM's own model, from which `fit_boosted` takes the trees."""
    # Imported here: it takes a while, and only who learns needs it.
    import lightgbm

    used = weight > 0
    data = lightgbm.Dataset(
        rows[used],
        label=bad[used],
        weight=weight[used],
        feature_name=[f"feature_{number}" for number in range(len(names))],
    )
    settings = {
        "objective": "cross_entropy",
        "learning_rate": 0.06,
        "num_leaves": LEAVES,
        "min_data_in_leaf": max(10, int(used.sum() / 100)),
        "lambda_l2": 5.0,
        "feature_fraction": 0.8,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    return lightgbm.train(settings, data, num_boost_round=ROUNDS)


def _tree(structure: dict[str, Any]) -> RiskTree:
    """Return a tree of LightGBM's dump as arrays."""
    feature: list[int] = []
    threshold: list[float] = []
    left: list[int] = []
    right: list[int] = []
    missing_left: list[bool] = []
    value: list[float] = []

    def add(node: dict[str, Any]) -> int:
        place = len(feature)
        is_leaf = "split_feature" not in node
        feature.append(-1 if is_leaf else int(node["split_feature"]))
        threshold.append(0.0 if is_leaf else float(node["threshold"]))
        left.append(0)
        right.append(0)
        value.append(float(node["leaf_value"] if is_leaf else node["internal_value"]))
        # Where training saw no value missing, LightGBM takes a missing one for 0.
        goes_left = not is_leaf and (
            node["default_left"] if node["missing_type"] == "NaN" else threshold[place] >= 0.0
        )
        missing_left.append(bool(goes_left))
        if not is_leaf:
            left[place] = add(node["left_child"])
            right[place] = add(node["right_child"])
        return place

    add(structure)
    return RiskTree(
        feature=tuple(feature),
        threshold=tuple(threshold),
        left=tuple(left),
        right=tuple(right),
        missing_left=tuple(missing_left),
        value=tuple(value),
    )
