"""What a training would change, and where models stand, for people: tables on a terminal."""

from collections.abc import Mapping
from itertools import groupby

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from feature_store.registry import Registry, Standing
from feature_store.training import ALL
from schemas.models import ModelFamily, ModelStage
from streams.learning import Training

_LEAST_BAD, _LEAST_GOOD = 3.0, 10.0
"""Of so many releases that count, delay or a share of a thousand is told; of fewer it would say nothing."""


def tell_training(training: Training, console: Console) -> None:
    """Print what was learnt, from what, and what it did on releases that had no say."""
    learnt = training.learnt
    if learnt is None:
        console.print("nothing to learn from: the journal holds no release with evidence of these days")
        return
    card = learnt.card
    console.print(
        f"{card.releases} releases from {card.data_from:%Y-%m-%d} to {card.data_until:%Y-%m-%d %H:%M}, "
        f"{card.labels} of them labelled; champion: {card.parent or 'the rules as they stand'}"
    )
    for where, of_one in groupby(learnt.changes, key=lambda change: (change.where, change.seen)):
        name, seen = where
        console.print(f"\n[bold]{'all services' if name == ALL else escape(name)}[/bold]  from {seen}")
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("  setting", no_wrap=True)
        for heading in ("now", "learnt"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("because")
        for change in of_one:
            before = "none" if change.before is None else f"{change.before:.3g}"
            table.add_row(f"  {change.what}", before, f"{change.after:.3g}", change.why)
        console.print(table)
    if not learnt.changes:
        console.print("nothing would change")
    console.print()
    console.print(_held_back(card.metrics))


def _held_back(figures: Mapping[str, float]) -> str:
    """Return what shares and budgets did on releases that had no say in them, as a sentence."""
    parts = []
    if figures.get("bad_releases", 0.0) >= _LEAST_BAD and "delay_min_before" in figures:
        before, after = figures["delay_min_before"], figures["delay_min_after"]
        parts.append(f"bad ones were found after {before:.1f} min, and would be after {after:.1f}")
    if figures.get("good_releases", 0.0) >= _LEAST_GOOD and "false_share_before" in figures:
        before, after = (1000 * figures[f"false_share_{side}"] for side in ("before", "after"))
        parts.append(f"of 1,000 good ones {before:.1f} were called harmful, and {after:.1f} would be")
    if not parts:
        return "too few releases to hold some back and say what it would do"
    return f"on releases that were held back, by shares and budgets alone: {'; '.join(parts)}"


def tell_models(registries: list[Registry], console: Console) -> None:
    """Print models, the newest change first: a line with its figures each, and below it why."""
    models = [(registry, standing) for registry in registries for standing in registry.models.values()]
    if not models:
        console.print("no model was learnt yet")
        return
    width = max(len(standing.card.id) for _, standing in models)
    console.print(f"{'model':<{width}}  family  {'stage':<18}  {'since (UTC)':<16}  releases  labelled")
    for registry, standing in sorted(models, key=lambda one: (one[1].since, one[1].card.id), reverse=True):
        last, card = standing.changes[-1], standing.card
        console.print(
            f"{card.id:<{width}}  {card.family:<6}  {stage_told(registry, standing):<18}  "
            f"{standing.since:%Y-%m-%d %H:%M}  {card.releases:>8}  {card.labels:>8}",
            markup=False,
            highlight=False,
        )
        console.print(Padding(Text(f"{last.why} (by {last.by})"), (0, 0, 0, 4)))


def stage_told(registry: Registry, standing: Standing) -> str:
    """Return what a model is now: a champion that another took the place of is told apart."""
    if standing.card.id == registry.champion:
        return "champion, in use"
    return "champion, replaced" if standing.stage is ModelStage.CHAMPION else str(standing.stage)


def tell_model(standing: Standing, registry: Registry, console: Console) -> None:
    """Print one model with all that was decided about it."""
    card = standing.card
    console.print(f"[bold]{card.id}[/bold]  {card.family}, {stage_told(registry, standing)}")
    console.print(
        f"  learnt by {card.code} (seed {card.seed}) from {card.releases} releases, {card.labels} labelled, "
        f"{card.data_from:%Y-%m-%d %H:%M} to {card.data_until:%Y-%m-%d %H:%M}"
    )
    nothing = "the shipped prior" if card.family is ModelFamily.RISK else "the rules as they stand"
    console.print(f"  beside {card.parent or nothing}")
    for name, figure in sorted(card.metrics.items()):
        console.print(f"  {name:<24}{figure:.6g}")
    for change in standing.changes:
        console.print(
            f"  {change.at:%Y-%m-%d %H:%M:%S}  {change.stage}, by {escape(change.by)}", highlight=False
        )
        console.print(Padding(Text(change.why), (0, 0, 0, 4)))
    if standing.risk is not None:
        asked = ", ".join(standing.risk.features)
        console.print(
            Padding(Text(f"{standing.risk.kind} model that asks for {asked or 'nothing'}"), (0, 0, 0, 2))
        )
    if standing.profile is not None:
        for key, learnt in sorted(standing.profile.adjustments.items()):
            budget = f" alpha {learnt.alpha:g}" if learnt.alpha is not None else ""
            console.print(f"  {key}{budget}")
            for name, signal in learnt.signals.items():
                told: dict[str, float | None] = {
                    "share": signal.share,
                    "warm_up": signal.warm_up,
                    "expected_ratio": signal.expected_ratio,
                }
                words = ", ".join(f"{what} {value:.4g}" for what, value in told.items() if value is not None)
                console.print(f"    {name:<16}{words}")
