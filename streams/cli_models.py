"""Commands about what is learnt: `suture models`, `suture learn`, `suture learner`."""

import getpass
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from schemas.codec import adapter, from_python
from schemas.durations import PositiveDuration
from schemas.errors import SchemaError, SettingsError
from schemas.models import ModelChanged, ModelFamily
from streams import clock
from streams.settings import read_settings

app = typer.Typer(help="Models that were learnt: list them, look at one, promote or retire one.")

Data = Annotated[Path | None, typer.Option(help="Folder that holds the journal; default: SUTURE_DATA.")]
Why = Annotated[str, typer.Option(help="Kept in the journal.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_commands(into: typer.Typer) -> None:
    """Add this module's commands."""
    into.add_typer(app, name="models")
    into.command()(learn)
    into.command()(learner)


@app.callback(invoke_without_command=True)
def models(context: typer.Context, json: Json = False, data: Data = None) -> None:
    """List models, the newest change first."""
    if context.invoked_subcommand is not None:
        return
    from feature_store.registry import read_registry
    from feature_store.views import connect
    from streams.learning_told import tell_models

    with connect(_journal(data)) as connection:
        registries = [read_registry(connection, family) for family in ModelFamily]
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
    from feature_store.registry import Registry, read_registry
    from feature_store.views import connect
    from streams.learning_told import tell_model

    with connect(_journal(data)) as connection:
        registries = [read_registry(connection, family) for family in ModelFamily]
    every = Registry(models={name: one for registry in registries for name, one in registry.models.items()})
    standing = every.find(model)
    if json:
        _print_json(list(standing.changes))
        return
    tell_model(standing, Console())


@app.command()
def promote(
    model: Annotated[str, typer.Argument(help="Id, or its beginning.")],
    why: Why,
    by: Annotated[str, typer.Option(help="Who; default: you.")] = "",
    data: Data = None,
) -> None:
    """Have the judge use a model from here on, by hand."""
    from feature_store.registry import promoted, read_registry
    from feature_store.views import connect

    with connect(_journal(data)) as connection:
        registry = read_registry(connection)
    _tell(promoted(registry, registry.find(model), clock.now(), _given(why), _who(by)))


@app.command()
def retire(
    why: Why,
    model: Annotated[str, typer.Argument(help="Id of the champion, or its beginning; default: it.")] = "",
    by: Annotated[str, typer.Option(help="Who; default: you.")] = "",
    data: Data = None,
) -> None:
    """Have the judge use the champion no longer: its parent, or the rules as they stand."""
    from feature_store.registry import read_registry, retired
    from feature_store.views import connect

    with connect(_journal(data)) as connection:
        registry = read_registry(connection)
    if model and registry.find(model).card.id != registry.champion:
        raise SettingsError(
            f"model {model} is not the champion, expected {registry.champion or 'none to be'}"
        )
    _tell(retired(registry, clock.now(), _given(why), _who(by)))


def learn(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would change; tell nobody.")] = False,
    since: Annotated[str, typer.Option(help="How far back releases are learnt from, such as 90d.")] = "90d",
    json: Json = False,
    data: Data = None,
) -> None:
    """Learn from the journal once: print what would change, and have it run in shadow as a challenger."""
    from actions.policy_file import load_policy
    from feature_store.views import connect
    from streams.learning import train
    from streams.learning_told import tell_training

    settings = read_settings()
    policy = load_policy(settings.policy)
    with connect(_journal(data)) as connection:
        training = train(connection, policy, since=_duration(since))
    learnt = training.learnt
    if json:
        sys.stdout.buffer.write(adapter(type(learnt)).dump_json(learnt, indent=2) + b"\n")
    else:
        tell_training(training, Console())
    if learnt is None or dry_run:
        return
    from streams.learner import challenger_of

    _tell(challenger_of(learnt, clock.now(), "learnt by hand", _who("")))


def learner() -> None:
    """Run the learner: train on schedule and on drift, try in shadow, promote and retire by rule."""
    from streams.cli_parts import connected
    from streams.learner_service import run_learner
    from streams.stopping import stop_flag

    run_learner(connected(read_settings()), stop_flag())


def _tell(change: ModelChanged) -> None:
    from streams.cli_parts import connected
    from streams.kafka_log import LogWriter
    from streams.model_changes import tell

    settings = connected(read_settings())
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        tell(writer, [change])
    sys.stderr.write(f"model {change.card.id} is told to be {change.stage}\n")


def _print_json(changes: list[ModelChanged]) -> None:
    sys.stdout.buffer.write(adapter(list[ModelChanged]).dump_json(changes, indent=2) + b"\n")


def _journal(data: Path | None) -> Path:
    return data / "journal" if data is not None else read_settings().journal


def _given(why: str) -> str:
    if not why.strip():
        raise SettingsError("--why is empty, expected a reason: it is kept in the journal")
    return why.strip()


def _who(by: str) -> str:
    return f"{by or getpass.getuser()} via cli"


def _duration(text: str) -> timedelta:
    try:
        found: timedelta = from_python(PositiveDuration, text)
    except SchemaError as error:
        raise SettingsError(f"--since is {text!r}, expected a duration such as 90d or 12h") from error
    return found
