"""Commands about the flow of changes: DORA's measures, and plots of what was weighed and promised.

What opens the journal or draws is imported where it is used: it takes time that no other command needs.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from schemas.codec import adapter
from streams import clock
from streams.cli_questions import Data
from streams.settings import read_settings


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (dora,):
        app.command()(command)


def dora(
    team: Annotated[str | None, typer.Option(help="Only of this team; '' for those of none.")] = None,
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    environment: Annotated[str | None, typer.Option(help="Only of this environment.")] = None,
    weeks: Annotated[int, typer.Option(min=1, max=520, help="So many, this one among them.")] = 4,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Data = None,
) -> None:
    """Measure delivery as DORA does: how often, how soon after the commit, what fails, how long it hurts."""
    from feature_store.dora import Dora, measure
    from feature_store.views import connect

    with connect(journal_of(data)) as connection:
        found = measure(
            connection,
            until=clock.now(),
            weeks=weeks,
            environment=environment,
            service=service,
            team=team,
        )
    if json:
        sys.stdout.buffer.write(adapter(Dora).dump_json(found, indent=2) + b"\n")
        return
    from streams.flow_tables import print_dora

    print_dora(Console(), found)


def journal_of(data: Path | None) -> Path:
    """Return where the journal is."""
    return read_settings().journal if data is None else data / "journal"
