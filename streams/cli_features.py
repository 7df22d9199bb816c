"""`suture features`: what was known of each release before it began."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from schemas.cloudevents import read_instant
from schemas.errors import SettingsError
from streams.cli_journal import Data, journal_of

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

    with connect(journal_of(data)) as connection:
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


def _instant(text: str) -> datetime | None:
    return read_instant("--as-of", text) if text else None
