"""The end of the demonstration: what happened in numbers, in SQL and in words."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import TextIO

from feature_store.formats import Format
from feature_store.sql import render, run_query
from feature_store.telling import tell
from feature_store.views import connect
from feature_store.why import why
from schemas.orders import OutcomeKind
from streams.demo.story import BAD, Ending, Fate
from streams.demo.waiting import Patience, TooLateError

QUERY = """\
SELECT d.version, d.playbook, d.rule, round(d.confidence, 6) AS confidence, r.state, r.recovery,
       round(r.seconds_from_damage_to_undo, 1) AS damage_to_undo_s
FROM decisions AS d JOIN releases AS r USING (release) ORDER BY d.happened_at"""
"""What the demonstration asks the decision log at its end."""

_JOURNAL_SECONDS = 15.0


def wait_for_journal(journal: Path, ending: Ending, patience: Patience) -> None:
    """Return when the journal holds the last thing that was said of each release, or after a while."""
    expected = {str(fate.release): "recovery" if fate.recovery else "outcome" for fate in ending.fates}

    def is_written() -> bool:
        with connect(journal) as connection:
            rows = run_query(connection, "SELECT release, kind FROM effects").rows
        return all(pair in rows for pair in expected.items())

    try:
        patience.until(is_written, "the journal's files", _JOURNAL_SECONDS)
    except TooLateError:
        return


def write_ending(ending: Ending, journal: Path, service: str, out: TextIO) -> None:
    """Write the facts, the decision log's answer and the story of the last release.

    Args:
        ending: How it ended.
        journal: The journal's folder.
        service: Name of the service, for `suture why`.
        out: Where to.
    """
    out.write("\n")
    for fate in ending.fates:
        for line in facts(fate):
            out.write(f"{line}\n")
    out.write(f'\n$ suture sql "{QUERY}"\n')
    out.write(_asked(lambda text: _sql(journal, text)))
    if len(ending.fates) > 1:
        out.write(f"\n$ suture why {service} {BAD}\n")
        out.write(_asked(lambda text: text.write(_why(journal, ending.fates[-1].release))))


def facts(fate: Fate) -> list[str]:
    """Return what became of a release, in sentences with numbers."""
    if fate.problem:
        return [f"NOT AS IT SHOULD BE: {fate.problem}"]
    if not fate.is_undone:
        is_promoted = fate.outcome is not None and fate.outcome.kind is OutcomeKind.DONE
        what = f"judged healthy and {'promoted' if is_promoted else 'left alone'}"
        return [f"{fate.version} (good): {what}; {fate.sent:,} requests, {fate.bad:,} of them bad"]
    lines = [f"{fate.version} ({fate.fault.told}): detected and rolled back by the executor"]
    if fate.outcome is not None:
        lines.append(f"  template {fate.outcome.template_before} -> {fate.outcome.template_after}")
    if fate.seconds_to_undo is not None:
        since = "first bad request" if fate.first_bad_at else "first request (none was bad)"
        lines.append(f"  {since} to rollback done: {fate.seconds_to_undo:.1f} s")
    lines.append(f"  bad requests served: {fate.bad:,} of {fate.sent:,} that it got")
    if fate.recovery is not None:
        lines.append(f"  recovery: {fate.recovery.kind} ({fate.recovery.text})")
    return lines


def _sql(journal: Path, out: TextIO) -> None:
    with connect(journal) as connection:
        render(run_query(connection, QUERY), Format.TABLE, out)


def _why(journal: Path, release: str) -> str:
    with connect(journal) as connection:
        return tell(why(connection, release))


def _asked(ask: Callable[[TextIO], object]) -> str:
    text = StringIO()
    ask(text)
    return text.getvalue()
