"""What signals have said over many releases, and what is usual of them."""

from datetime import timedelta
from pathlib import Path

import pytest

from feature_store.sql import run_query
from feature_store.views import connect
from schemas.judgements import VerdictKind
from schemas.labels import Label, LabelKind, Labelled, LabelSource
from tests.feature_store import stories
from tests.feature_store.script import START, Script, side, write


def a_good_release(number: int, level: float) -> Script:
    script = Script(f"2.0.{number}", start=START + timedelta(hours=number), first_offset=1000 * (number + 1))
    script.opened()
    early = script.evidence(minute=5, canary=side(9.9), log_e=0.1)
    late = script.evidence(minute=30, canary=side(level), log_e=-2.0 - number)
    return script.verdict(
        VerdictKind.HEALTHY, "nothing found", minute=30, evidence=(early, late), is_final=True
    )


def told(root: Path, *scripts: Script) -> None:
    """Write scripts one after the other."""
    write(root, [effect for script in scripts for effect in script.effects])


def labelled(script: Script, kind: LabelKind) -> Script:
    script._say(  # a script has no word for labels
        Labelled(
            label=Label(
                id=f"{script.release}-{kind}",
                release=script.release,
                environment=script.environment,
                service=script.service,
                kind=kind,
                source=LabelSource.APPROVAL,
                by="ada",
                at=script.at(60),
                about="",
                trust=0.8,
            )
        )
    )
    return script


def test_a_signal_tells_how_often_it_convicted_and_how_that_was_labelled(tmp_path: Path) -> None:
    convicted = labelled(stories.harmful(Script("1.0.1")), LabelKind.BAD)
    wrongly = labelled(stories.harmful(Script("1.0.2", first_offset=300)), LabelKind.HARMLESS)
    told(tmp_path, convicted, wrongly, a_good_release(5, 0.002))
    (row,) = run_query(
        connect(tmp_path),
        "SELECT looks, releases, convicting_looks, convicted, convicted_bad, convicted_good, strongest_log_e "
        "FROM signals WHERE signal = 'errors'",
    ).rows
    assert row == (4, 3, 2, 2, 1, 1, 9.3)
    assert run_query(connect(tmp_path), "SELECT convicted FROM signals WHERE signal = 'latency'").rows == [
        (0,)
    ]


def test_a_baseline_is_the_last_ten_good_releases_and_no_other(tmp_path: Path) -> None:
    good = [a_good_release(number, 0.001 * number) for number in range(12)]
    told(tmp_path, *good, stories.harmful(Script("3.0.0", first_offset=20_000)))
    result = run_query(connect(tmp_path), "SELECT * FROM baselines")
    (row,) = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
    assert (row["service"], row["signal"], row["edge"], row["releases"]) == ("cart", "errors", "", 10)
    assert (row["lowest"], row["highest"]) == (0.002, 0.011)
    assert row["level"] == pytest.approx(0.0065)
    assert row["spread"] == pytest.approx(1.4826 * 0.0025)
    assert row["exposure"] == 120_000
    assert row["comparison"] == "stable pods of the same minutes"
    assert row["until"] == good[-1].at(30)
