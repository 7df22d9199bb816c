"""`suture dora`: what is measured of delivery, for people and for machines."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.orders import OutcomeKind
from streams.cli import app
from tests.feature_store import stories
from tests.feature_store.script import START, Script, write

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)  # a Thursday; the stories play on the Monday before


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a journal: a checkout team with a failed deployment, and one that nobody owns."""
    hour = timedelta(hours=1)
    failed = stories.harmful(Script("1.4.2", team="checkout", committed_at=START - 26 * hour))
    failed.command(stories.UNDO, minute=8).outcome(stories.UNDO, OutcomeKind.DONE, "done", minute=9)
    fine = Script("1.4.3", team="checkout", start=START + 30 * hour, first_offset=300)
    old = Script("1.4.1", team="checkout", start=START - 240 * hour, first_offset=400)
    other = Script("[red]7", service="[b]stock", environment="dev", first_offset=500)
    for number, script in enumerate((failed, fine.opened(), old.opened(), other.opened())):
        write(tmp_path / "journal", script.effects, partition=number)
    monkeypatch.setattr("streams.clock.now", lambda: NOW)
    monkeypatch.setenv("COLUMNS", "140")
    return tmp_path


def run(journal: Path, *words: str) -> str:
    answer = CliRunner().invoke(app, ["dora", "--data", str(journal), *words])
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def test_the_table_shows_each_service_and_then_each_week(journal: Path) -> None:
    lines = [" ".join(line.split()) for line in run(journal).splitlines()]
    assert lines[0] == (
        "From 2026-11-02 to 2026-11-26 12:00 UTC. Times are medians, with nine of ten below the second."
    )
    assert "dev [b]stock 1 0.3 unknown none" in lines
    assert "prod cart checkout 3 0.9 1 d 2 h, 1 d 2 h (1 of 3 known) 1 (33 %) 4 min, 4 min" in lines
    assert "prod 2026-11-09 1 1.0 unknown none" in lines
    assert "prod 2026-11-23 2 4.0 1 d 2 h, 1 d 2 h (1 of 2 known) 1 (50 %) 4 min, 4 min" in lines


def test_a_team_a_service_and_so_many_weeks_can_be_chosen(journal: Path) -> None:
    def measured(*words: str) -> list[tuple[str, int]]:
        found: dict[str, Any] = json.loads(run(journal, "--json", *words))
        return [(row["service"], row["measures"]["deployments"]) for row in found["services"]]

    assert measured("--weeks", "1") == [("[b]stock", 1), ("cart", 2)]
    assert measured("--team", "checkout") == [("cart", 3)]
    assert measured("--team", "") == [("[b]stock", 1)]
    assert measured("--service", "[b]stock", "--environment", "dev") == [("[b]stock", 1)]
    assert measured("--service", "none") == []


def test_machines_get_numbers_in_seconds_and_null_for_unknown(journal: Path) -> None:
    found = json.loads(run(journal, "--json", "--weeks", "1", "--environment", "prod"))
    assert found["since"] == "2026-11-23T00:00:00Z"
    (row,) = found["services"]
    assert row["measures"] == {
        "deployments": 2,
        "per_week": 4.0,
        "lead_time_s_median": 26 * 3600.0,
        "lead_time_s_p90": 26 * 3600.0,
        "lead_times_known": 1,
        "failed": 1,
        "change_failure_ratio": 0.5,
        "recovery_s_median": 240.0,
        "recovery_s_p90": 240.0,
        "recoveries_known": 1,
    }


def test_where_nothing_was_deployed_it_says_so(tmp_path: Path) -> None:
    assert "nothing was deployed from" in run(tmp_path)
