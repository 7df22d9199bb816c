"""Commands about models that were learnt: `suture models`, `suture learner`."""

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from schemas.codec import adapter
from schemas.errors import SettingsError
from schemas.models import ModelChanged, ModelFamily
from streams import clock
from streams.cli_journal import Data, journal_of
from streams.settings import read_settings

if TYPE_CHECKING:
    from feature_store.registry import Registry, Standing

app = typer.Typer(help="Models that were learnt: list them, look at one, promote or retire one.")

Why = Annotated[str, typer.Option(help="Kept in the journal.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_commands(into: typer.Typer) -> None:
    """Add this module's commands."""
    into.add_typer(app, name="models")
    into.command()(learner)


@app.callback(invoke_without_command=True)
def models(context: typer.Context, json: Json = False, data: Data = None) -> None:
    """List models, the newest change first."""
    if context.invoked_subcommand is not None:
        return
    from streams.learning_told import tell_models

    registries = list(_registries(data).values())
    if json:
        newest = [one.changes[-1] for registry in registries for one in registry.models.values()]
        _print_json(newest)
        return
    tell_models(registries, Console())


@app.command()
def show(
    model: Annotated[str, typer.Argument(help="Id, or its beginning.")], json: Json = False, data: Data = None
) -> None:
    """Show one model: where it comes from, what it holds, and all that was decided about it."""
    from streams.learning_told import tell_model

    registry, standing = _found(_registries(data), model)
    if json:
        _print_json(list(standing.changes))
        return
    tell_model(standing, registry, Console())


@app.command()
def promote(
    model: Annotated[str, typer.Argument(help="Id, or its beginning.")],
    why: Why,
    by: Annotated[str, typer.Option(help="Who; default: you.")] = "",
    data: Data = None,
) -> None:
    """Have the judge, or for risk the gate, go by a model from here on."""
    from feature_store.registry import promoted
    from streams.model_changes import tell_log

    registry, standing = _found(_registries(data), model)
    tell_log([promoted(registry, standing, clock.now(), _given(why), _who(by))])


@app.command()
def retire(
    why: Why,
    model: Annotated[str, typer.Argument(help="Id of a champion, or its beginning; default: it.")] = "",
    family: Annotated[
        ModelFamily, typer.Option(help="Of which, where no model is named.")
    ] = ModelFamily.JUDGE,
    by: Annotated[str, typer.Option(help="Who; default: you.")] = "",
    data: Data = None,
) -> None:
    """Go by the champion no longer, but by its parent, or without one by what people set."""
    from feature_store.registry import retired
    from streams.model_changes import tell_log

    registries = _registries(data)
    registry = registries[family]
    if model:
        registry, standing = _found(registries, model)
        if standing.card.id != registry.champion:
            raise SettingsError(
                f"model {standing.card.id} is not the champion, expected {registry.champion or 'none to be'}"
            )
    tell_log([retired(registry, clock.now(), _given(why), _who(by))])


def learner() -> None:
    """Run the learner: train on schedule and on drift, try in shadow, promote and retire by rule."""
    from streams.cli_parts import connected
    from streams.learner_service import run_learner
    from streams.stopping import stop_flag

    run_learner(connected(read_settings()), stop_flag())


def _registries(data: Path | None) -> "dict[ModelFamily, Registry]":
    from feature_store.registry import read_registry
    from feature_store.views import connect

    with connect(journal_of(data)) as connection:
        return {family: read_registry(connection, family) for family in ModelFamily}


def _found(registries: "dict[ModelFamily, Registry]", name: str) -> "tuple[Registry, Standing]":
    """Return a model by the beginning of its id, of whichever family, with the registry that it is in."""
    from feature_store.registry import Registry

    every = Registry(
        models={key: one for registry in registries.values() for key, one in registry.models.items()}
    )
    standing = every.find(name)
    return registries[standing.card.family], standing


def _print_json(changes: list[ModelChanged]) -> None:
    sys.stdout.buffer.write(adapter(list[ModelChanged]).dump_json(changes, indent=2) + b"\n")


def _given(why: str) -> str:
    if not why.strip():
        raise SettingsError("--why is empty, expected a reason: it is kept in the journal")
    return why.strip()


def _who(by: str) -> str:
    return f"{by or getpass.getuser()} via cli"
