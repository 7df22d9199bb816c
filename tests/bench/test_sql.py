"""The generated journal is one that the store takes for its own, and the benchmark's figures are of it."""

from pathlib import Path

from bench.sql import QUESTIONS, measure
from feature_store.inventory import take_inventory
from feature_store.kinds import Kind, said_from_body
from feature_store.views import connect


def test_a_small_run_asks_all_questions_of_journal_and_database(tmp_path: Path) -> None:
    figures = measure(tmp_path, decisions=600, days=2, seed=3)
    assert figures["journal"]["rows"]["decision"] == 600
    for side in ("views", "database"):
        assert {name: figures[side][name]["groups"] for name in QUESTIONS} == {
            name: figures["views"][name]["groups"] for name in QUESTIONS
        }
        assert figures[side]["peak_rss_bytes"] > 0
    with connect(tmp_path / "journal") as connection:
        assert take_inventory(tmp_path / "journal").findings == ()
        kinds = connection.execute("SELECT kind, any_value(body) FROM effects GROUP BY kind").fetchall()
        assert len(kinds) == 7
        for kind, body in kinds:
            said_from_body(Kind(kind), body)
        marks = "SELECT count(*) FROM effects WHERE contains(body, '@') OR contains(body, '2001-01-01T')"
        assert connection.execute(marks).fetchall() == [(0,)]
        same = (
            "SELECT count(*) FROM decisions JOIN verdicts USING (verdict) "
            "WHERE decisions.verdict_kind = verdicts.verdict_kind "
            "AND decisions.first_bad_at IS NOT DISTINCT FROM verdicts.first_bad_at"
        )
        assert connection.execute(same).fetchall() == [(600,)]
