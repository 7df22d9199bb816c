"""The command that holds a candidate's settings against the recorded log: backtest."""

import json as json_text
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.codec import from_python
from schemas.durations import PositiveDuration
from schemas.errors import SchemaError, SettingsError
from streams import clock
from streams.settings import read_settings

_WARM_UP = timedelta(days=3)
"""So much of the log before the first release that counts is judged as well, for what the judge remembers."""


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(backtest)


def backtest(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A recording, pod-minutes or an archive's folder; default: the installation's log."
        ),
    ] = None,
    candidate: Annotated[
        Path | None, typer.Option(help="Policy file that wants the champion's place.")
    ] = None,
    profile: Annotated[str, typer.Option(help="Learnt profile: a JSON file, or a model's id.")] = "",
    champion: Annotated[
        Path | None, typer.Option(help="Policy file to hold it against; default: the log's own settings.")
    ] = None,
    since: Annotated[str, typer.Option(help="Count releases of the last so long, such as 90d.")] = "",
    labels: Annotated[
        Path | None, typer.Option(help="CSV with release, bad, damage_at, until; default: the journal's.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; default: one a core.")] = None,
    seed: Annotated[int, typer.Option(help="What intervals are resampled from.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    output: Annotated[Path | None, typer.Option(help="Write the JSON to a file, too.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 when the candidate is worse, 3 when nobody can tell.")
    ] = False,
    tolerance: Annotated[
        float, typer.Option(help="Share of good releases newly called harmful that must have been seen.")
    ] = 0.1,
    tolerance_minutes: Annotated[
        float, typer.Option(help="Bad minutes more a bad release that must have been seen.")
    ] = 5.0,
    data: Annotated[Path | None, typer.Option(help="Folder that holds journal and archive.")] = None,
) -> None:
    """Judge a recorded log again by other settings, and tell what they would have changed."""
    # The engine's kernels take seconds to import: only who judges waits for them.
    from dataclasses import replace

    from streams.backtest import compare
    from streams.backtest_check import EXIT_CODES, Tolerance
    from streams.backtest_inputs import candidate_of, champion_of, log_of, truths_of
    from streams.backtest_report import as_json, show

    settings = read_settings()
    if data is not None:
        settings = replace(settings, data=data)
    try:
        allowed = Tolerance(newly_false=tolerance, minutes=tolerance_minutes)
        length = from_python(PositiveDuration, since) if since else None
    except (ValueError, SchemaError) as error:
        raise SettingsError(f"backtest: {error}") from error
    begins = clock.now() - length if length is not None else None
    contenders = champion_of(settings, champion), candidate_of(settings, candidate, profile, settings.journal)
    truths = truths_of(labels, settings.journal)
    log = log_of(settings, file, begins - _WARM_UP if begins is not None else None)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %")
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(f"judging {log.title} twice", total=1.0)
        found = compare(
            log,
            *contenders,
            truths,
            jobs=jobs,
            seed=seed,
            since=begins,
            progress=lambda done: bar.update(task, completed=done),
        )
    checked = found.check(allowed)
    text = json_text.dumps(as_json(found, checked), allow_nan=False, indent=2)
    if output is not None:
        output.write_text(text + "\n", encoding="utf-8")
    if json:
        typer.echo(text)
    else:
        show(found, checked, Console())
    if check:
        raise typer.Exit(EXIT_CODES[checked.ruling])
