"""What waits for a human, from the journal's files to the terminal."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from feature_store.journal import FlushLimits, Journal
from schemas.approvals import HoldChange
from schemas.effects import Effect, Said
from schemas.observations import LogPosition
from streams.cli import app
from tests.streams.held_questions import HELD, NOW, changed


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what `suture holds --long` prints of two questions, of which one is over."""
    other = replace(HELD, id="another", brief=None)
    journal = Journal(tmp_path / "journal", clock=lambda: NOW, limits=FlushLimits(rows=1))
    said: list[Said] = [
        HELD,
        other,
        changed(HoldChange.AGREED, 40, "1 of 2 approvals: ada via slack"),
        changed(HoldChange.HANDED_OVER, 45, "cleared \x1b[2J"),
        changed(HoldChange.WITHDRAWN, 50, "withdrawn: it recovered", held=other),
    ]
    for offset, one in enumerate(said):
        cause = LogPosition(topic="environment-observations", partition=0, offset=offset)
        journal.append(0, [(offset, Effect(key="prod", cause=cause, index=0, said=one))])
    journal.flush()
    return _shown(tmp_path, monkeypatch, NOW + timedelta(minutes=3), "holds", "--long")


def _shown(folder: Path, monkeypatch: pytest.MonkeyPatch, now: datetime, *words: str) -> str:
    monkeypatch.setenv("SUTURE_DATA", str(folder))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("streams.clock.now", lambda: now)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.output


def test_an_open_question_is_shown_with_all_that_there_is_to_know(shown: str) -> None:
    assert HELD.brief is not None
    flowing = " ".join(shown.split())
    for line in (HELD.brief.what, HELD.brief.certainty, *HELD.brief.signals, *HELD.brief.suspects):
        assert line in flowing
    assert "2026-11-20 14:30:05 UTC, in 27 min" in flowing
    assert "ada, group:sre; 2 of them must approve" in flowing
    assert "1 of 2 approvals: ada via slack" in flowing


def test_a_question_that_is_over_is_not_shown(shown: str) -> None:
    assert "another" not in shown


def test_what_others_wrote_does_not_move_the_terminals_cursor(shown: str) -> None:
    assert "\x1b" not in shown
    assert "cleared \ufffd[2J" in shown


def test_no_line_is_wider_than_the_terminal(shown: str) -> None:
    assert max(len(line) for line in shown.splitlines()) <= 100


def test_without_a_journal_nothing_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nothing waits" in _shown(tmp_path, monkeypatch, NOW, "holds", "--long")
