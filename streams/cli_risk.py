"""Commands about releases' risk: `suture features` and `suture learn-risk`."""

import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from schemas.cloudevents import read_instant
from schemas.errors import SettingsError
from schemas.models import ModelChanged
from schemas.observation_messages import observation_message
from schemas.topics import PARTITIONS, Topic
from streams import clock
from streams.settings import read_settings

Data = Annotated[Path | None, typer.Option(help="Folder that holds the journal; default: SUTURE_DATA.")]
AsOf = Annotated[
    str, typer.Option("--as-of", help="As it was known at this instant, RFC 3339; default: now.")
]


class FeatureFormat(StrEnum):
    """How features are written."""

    PARQUET = "parquet"
    CSV = "csv"


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(features)
    app.command("learn-risk")(learn_risk)


def features(
    output: Annotated[Path, typer.Option(help="File to write; it is replaced whole.")],
    format_: Annotated[
        FeatureFormat, typer.Option("--format", help="parquet or csv.")
    ] = FeatureFormat.PARQUET,
    as_of: AsOf = "",
    data: Data = None,
) -> None:
    """Write what was known of each release before it began, for models of your own."""
    import pyarrow.csv
    import pyarrow.parquet

    from feature_store.features import features as read_features
    from feature_store.views import connect

    with connect(_journal(data)) as connection:
        table = read_features(connection, _instant(as_of))
    part = output.with_name(f"{output.name}.part")
    try:
        if format_ is FeatureFormat.PARQUET:
            pyarrow.parquet.write_table(table, part)
        else:
            pyarrow.csv.write_csv(table, part)
        part.replace(output)
    except OSError as error:
        raise SettingsError(f"{output}: {error.strerror or error}") from error
    typer.echo(f"{table.num_rows} releases with {table.num_columns} columns are in {output}")


def learn_risk(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what was learnt; tell nobody.")] = False,
    as_of: AsOf = "",
    seed: Annotated[int, typer.Option(help="What random choices come from.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Data = None,
) -> None:
    """Learn the risk of releases from the journal, and have the gate use it where it is not worse by rule."""
    from importlib.metadata import version

    from feature_store.risk_training import train_risk
    from feature_store.views import connect

    with connect(_journal(data)) as connection:
        training = train_risk(connection, _instant(as_of) or clock.now(), version("suture"), seed)
    if json:
        import json as json_text

        stages = [{"id": change.card.id, "stage": change.stage} for change in training.changes]
        typer.echo(
            json_text.dumps({"why": training.why, "changes": stages, "scores": training.scores}, indent=2)
        )
    else:
        for name, scores in training.scores.items():
            typer.echo(
                f"{name}: Brier {scores['brier']} {scores['brier_95']}, AUC {scores['auc']}, "
                f"calibration error {scores['ece']}"
            )
        typer.echo(training.why)
    if training.changes and not dry_run:
        _tell(training.changes)


def _tell(changes: tuple[ModelChanged, ...]) -> None:
    from streams.cli_parts import connected
    from streams.kafka_log import LogWriter

    settings = connected(read_settings())
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        for change in changes:
            for partition in range(PARTITIONS):
                writer.send(observation_message(Topic.OBSERVATIONS, "", change), partition)
        writer.flush()
    sys.stderr.write(f"model {changes[-1].card.id} is told to be {changes[-1].stage}\n")


def _journal(data: Path | None) -> Path:
    return data / "journal" if data is not None else read_settings().journal


def _instant(text: str) -> datetime | None:
    return read_instant("--as-of", text) if text else None
