"""Commands that ask what happened: why, releases, and sql (`streams.cli_sql`).

What opens the journal is imported where it is used: it takes half a second that no other command needs.
"""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from schemas.codec import adapter
from streams.cli_journal import Data, journal_of
from streams.cli_sql import sql


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (why, releases, sql):
        app.command()(command)


def why(
    release: Annotated[
        list[str], typer.Argument(help="Release id, its beginning, SERVICE VERSION, or a failure's id.")
    ],
    data: Data = None,
) -> None:
    """Tell why a release was judged and treated as it was, or what was done about a failure."""
    from feature_store.failure_story import failure_story, tell_failure
    from feature_store.telling import tell
    from feature_store.views import connect
    from feature_store.why import ReleaseNotFoundError
    from feature_store.why import why as find_story

    question = " ".join(release)
    with connect(journal_of(data)) as connection:
        try:
            typer.echo(tell(find_story(connection, question)))
        except ReleaseNotFoundError:
            story = failure_story(connection, question)
            if story is None:
                raise
            typer.echo(tell_failure(story))


def releases(
    environment: Annotated[str | None, typer.Option(help="Only of this environment.")] = None,
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Data = None,
) -> None:
    """List releases, newest first: what is known of each, and what was done."""
    from feature_store.releases import ReleaseRow, list_releases
    from feature_store.views import connect

    with connect(journal_of(data)) as connection:
        rows = list_releases(connection, environment, service, limit)
    if json:
        sys.stdout.buffer.write(adapter(list[ReleaseRow]).dump_json(rows, indent=2) + b"\n")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("started (UTC)", "release", "verdict", "done", "recovery", "damage to undo", "labels"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        seconds = row.seconds_from_damage_to_undo
        table.add_row(
            f"{row.started_at:%m-%d %H:%M:%S}" if row.started_at else "",
            row.release,
            row.verdict or "none yet",
            " ".join(filter(None, (row.action, row.outcome))) or row.guard or row.playbook or "",
            (row.recovery or "").replace("_", " "),
            "" if seconds is None else f"{seconds:.1f} s",
            row.labels or "",
        )
    Console().print(table if rows else "no release is in the journal yet")
