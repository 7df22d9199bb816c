"""Commands about the flow of changes: DORA's measures, and plots of what was weighed and promised.

What opens the journal or draws is imported where it is used: it takes time that no other command needs.
"""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from schemas.codec import adapter
from schemas.errors import SettingsError
from streams import clock
from streams.cli_journal import Data, journal_of


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (dora, plot):
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


def plot(
    release: Annotated[
        list[str] | None, typer.Argument(help="Release id, its beginning, or SERVICE VERSION.")
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(help="File, .html or .png; may be given twice. Default: one .html here."),
    ] = None,
    calibration: Annotated[
        bool, typer.Option("--calibration", help="Draw what was promised against what happened.")
    ] = False,
    only_others: Annotated[
        bool, typer.Option("--only-others", help="With --calibration: where others than Suture have a word.")
    ] = False,
    by_week: Annotated[bool, typer.Option("--dora", help="Draw DORA's measures of 12 weeks.")] = False,
    data: Data = None,
) -> None:
    """Draw a release's evidence over time, both sides, and what was decided and done; or figures of all.

    The page (.html) can be pointed at and looked into closer, and needs no network; .png is for reports.
    Needs suture[plots].
    """
    question = " ".join(release or [])
    if [bool(question), calibration, by_week].count(True) != 1:
        raise SettingsError(
            "nothing or several things are to be drawn, expected RELEASE, --calibration or --dora"
        )
    try:
        from streams.plotting import drawn, picture
    except ImportError as error:
        raise SettingsError("no plotting is installed, expected the extra suture[plots]") from error
    from feature_store.views import connect

    with connect(journal_of(data)) as connection:
        chart = picture(
            connection,
            question,
            now=clock.now(),
            by_week=by_week,
            calibration=calibration,
            only_others=only_others,
        )
    for path in output or [Path(f"{_file_name(question, calibration=calibration)}.html")]:
        content = drawn(chart, path)
        try:
            path.write_bytes(content)
        except OSError as error:
            raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
        typer.echo(str(path))


def _file_name(question: str, *, calibration: bool) -> str:
    """Return a name for a file: what strangers named releases by must not lead out of the folder."""
    if not question:
        return "calibration" if calibration else "dora"
    return re.sub(r"[^A-Za-z0-9._-]+", "-", question).strip("-.") or "release"
