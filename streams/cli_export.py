"""Commands that copy the journal into tables of a lakehouse: export delta, export iceberg."""

from typing import Annotated

import typer

from schemas.errors import SettingsError
from streams.settings import read_settings

app = typer.Typer(
    help="Copy the journal into a table of a lakehouse: each effect once, however often it is called.",
    no_args_is_help=True,
)


@app.command()
def delta(
    destination: Annotated[str, typer.Argument(help="The table's folder or address; made when missing.")],
) -> None:
    """Append to a Delta table what the journal holds and the table does not."""
    try:
        from feature_store.export_delta import export_delta
    except ImportError as error:
        raise SettingsError("deltalake is not installed, expected the extra suture[delta]") from error

    count = export_delta(read_settings().journal, destination)
    typer.echo(f"{count} effects were appended to {destination}")


@app.command()
def iceberg(
    destination: Annotated[
        str, typer.Argument(help="CATALOG.NAMESPACE.TABLE; the catalog as pyiceberg is told of it.")
    ],
) -> None:
    """Append to an Iceberg table what the journal holds and the table does not."""
    try:
        from feature_store.export_iceberg import export_iceberg
    except ImportError as error:
        raise SettingsError("pyiceberg is not installed, expected the extra suture[iceberg]") from error

    count = export_iceberg(read_settings().journal, destination)
    typer.echo(f"{count} effects were appended to {destination}")
