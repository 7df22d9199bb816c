"""The command that proves the past: audit.

What runs the engine is imported where it is used: its kernels take seconds.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.archive_settings import ArchiveSettings
from streams.journal_settings import JournalSettings
from streams.settings import Settings, read_settings


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(audit)


def audit(
    release: Annotated[
        list[str] | None, typer.Argument(help="Release id, its beginning, or SERVICE VERSION.")
    ] = None,
    chain: Annotated[
        bool, typer.Option("--chain", help="Hold the journal's files against its chain of records instead.")
    ] = False,
    expect: Annotated[
        list[str] | None,
        typer.Option(help="With --chain: a head that was noted earlier and must be on a chain."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(help="An archive's folder or a recording; default: the archive, then KAFKA_BOOTSTRAP."),
    ] = None,
    from_beginning: Annotated[
        bool,
        typer.Option("--from-beginning", help="Run each partition from its beginning; trust no snapshot."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Folder that holds journal and archive; default: SUTURE_DATA.")
    ] = None,
) -> None:
    """Run a release's log again and compare every effect with the journal; exit 1 unless identical.

    With --chain: say whether the journal is as it was written, or which offsets are not; exit 1 then.
    """
    from dataclasses import replace

    if chain == bool(release):
        raise typer.BadParameter("give either a release or --chain")
    if expect and not chain:
        raise typer.BadParameter("--expect goes with --chain")
    settings = read_settings()
    if data is not None:
        settings = replace(settings, data=data, journal_settings=JournalSettings(), archive=ArchiveSettings())
    if chain:
        raise typer.Exit(_audit_chain(settings, expect or [], json))
    raise typer.Exit(_audit_release(settings, " ".join(release or ()), log, from_beginning, json))


def _audit_chain(settings: Settings, expected: list[str], as_json: bool) -> int:
    from feature_store.chain_audit import ChainAudit, audit_chain
    from schemas.codec import adapter
    from streams.chain_text import tell_chain

    audited = audit_chain(settings.journal, expected)
    if as_json:
        sys.stdout.buffer.write(adapter(ChainAudit).dump_json(audited, indent=2) + b"\n")
    else:
        typer.echo(tell_chain(audited))
    return 1 if audited.all_findings else 0


def _audit_release(
    settings: Settings, question: str, log: Path | None, from_beginning: bool, as_json: bool
) -> int:
    from feature_store.audited_effects import effects_of_release
    from feature_store.views import connect
    from feature_store.why import find_release
    from schemas.codec import adapter
    from streams.audit import Audit
    from streams.audit import audit as run_again
    from streams.audit_text import tell_audit
    from streams.code_version import code_digest
    from streams.kept_snapshots import KeptSnapshots
    from streams.recorded_log import open_log

    with connect(settings.journal) as connection:
        found = find_release(connection, question)
        kept = effects_of_release(connection, found)
    folder = settings.archive_folder if log is None else log
    snapshots = None if from_beginning else KeptSnapshots(folder / "snapshots")
    audited = run_again(found, kept, open_log(settings if log is None else log), snapshots, code_digest())
    if as_json:
        sys.stdout.buffer.write(adapter(Audit).dump_json(audited, indent=2) + b"\n")
    else:
        typer.echo(tell_audit(audited))
    return 0 if audited.is_identical else 1
