"""What a training would change, and where models stand, for people: tables on a terminal."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from feature_store.registry import Registry, Standing
from streams.learning import Training


def tell_training(training: Training, console: Console) -> None:
    """Print what was learnt, from what, and what it did on releases that had no say."""
    learnt = training.learnt
    if learnt is None:
        console.print(
            f"nothing to learn from: no release with evidence up to {training.as_of:%Y-%m-%d %H:%M}"
        )
        return
    card = learnt.card
    console.print(
        f"{card.releases} releases from {card.data_from:%Y-%m-%d} to {card.data_until:%Y-%m-%d %H:%M}, "
        f"{card.labels} of them labelled; champion: {card.parent or 'the rules as they stand'}"
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("where", "what", "before", "after", "why"):
        table.add_column(
            heading, overflow="fold", justify="right" if heading in ("before", "after") else "left"
        )
    for change in learnt.changes:
        before = "none" if change.before is None else f"{change.before:.4g}"
        table.add_row(change.where, change.what, before, f"{change.after:.4g}", change.why)
    console.print(table if learnt.changes else "nothing would change")
    console.print(_held_back(card.metrics))


def _held_back(figures: Mapping[str, float]) -> str:
    """Return what shares and budgets did on releases that had no say in them, as a sentence."""
    parts = []
    if "delay_min_before" in figures:
        before, after = figures["delay_min_before"], figures["delay_min_after"]
        parts.append(f"bad ones were found after {before:.1f} min, and would be after {after:.1f}")
    if "false_share_before" in figures:
        before, after = (1000 * figures[f"false_share_{side}"] for side in ("before", "after"))
        parts.append(f"of 1,000 good ones {before:.1f} were called harmful, and {after:.1f} would be")
    if not parts:
        return "too few releases to hold some back and say what it would do"
    return f"on releases that were held back, by shares and budgets alone: {'; '.join(parts)}"


def tell_models(registries: list[Registry], console: Console) -> None:
    """Print models as a table, the newest first."""
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "family", "stage", "since (UTC)", "by", "releases", "labelled", "why"):
        table.add_column(heading, overflow="fold")
    models = [standing for registry in registries for standing in registry.models.values()]
    for standing in sorted(models, key=lambda one: (one.since, one.card.id), reverse=True):
        last, card = standing.changes[-1], standing.card
        table.add_row(
            card.id,
            card.family,
            standing.stage,
            f"{standing.since:%Y-%m-%d %H:%M}",
            last.by,
            str(card.releases),
            str(card.labels),
            last.why,
        )
    console.print(table if models else "no model was learnt yet")


def tell_model(standing: Standing, console: Console) -> None:
    """Print one model with all that was decided about it."""
    card = standing.card
    console.print(f"[bold]{card.id}[/bold]  {card.family}, {standing.stage}")
    console.print(
        f"  learnt by {card.code} (seed {card.seed}) from {card.releases} releases, {card.labels} labelled, "
        f"{card.data_from:%Y-%m-%d %H:%M} to {card.data_until:%Y-%m-%d %H:%M}"
    )
    console.print(f"  beside {card.parent or 'the rules as they stand'}")
    for name, figure in sorted(card.metrics.items()):
        console.print(f"  {name:<24}{figure:.6g}")
    for change in standing.changes:
        console.print(f"  {change.at:%Y-%m-%d %H:%M:%S}  {change.stage:<10}  by {change.by}: {change.why}")
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
