"""A release as a chart: what was weighed, what it was compared with, and what happened when."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from feature_store.chart_html import as_html
from feature_store.chart_png import as_png
from feature_store.charts import Chart, Colour, Line, Mark, Panel
from feature_store.dora import measure
from feature_store.flow_charts import calibration_chart, dora_chart
from feature_store.release_chart import NothingToDrawError, release_chart
from feature_store.views import connect
from schemas.approvals import HoldChange
from schemas.labels import LabelKind, LabelSource
from schemas.orders import OutcomeKind
from tests.feature_store import stories
from tests.feature_store.script import START, Script, side, write

PNG = b"\x89PNG\r\n\x1a\n"


def chart_of(root: Path, script: Script) -> Chart:
    write(root, script.effects)
    return release_chart(connect(root), script.release)


def story() -> Script:
    """Return a release whose errors rise, that a human is asked about, and that is taken back."""
    script = Script().opened()
    for minute, log_e in ((5, -9.0), (6, 1.0), (7, 3.4)):
        script.evidence(minute=minute, log_e=log_e)
    stories.asked(script)
    script.hold_changed(HoldChange.GRANTED, "approved", minute=10, by="ada via slack")
    script.command(stories.UNDO, minute=10, approved_by="ada via slack")
    return script.outcome(stories.UNDO, OutcomeKind.DONE, "done", minute=11)


def test_evidence_is_drawn_as_a_share_of_what_convicts(tmp_path: Path) -> None:
    first, *_ = chart_of(tmp_path, story()).panels
    errors = first.lines[0]
    assert (errors.name, errors.xs) == ("errors", (5.0, 6.0, 7.0, 8.0))
    # What speaks for the release by more than it takes to convict it is cut there, and the panel says so.
    assert errors.ys == pytest.approx((-100.0, 100 / 5.1, 340 / 5.1, 930 / 5.1))
    assert (first.level, "-100 %" in first.title) == ((100.0, "convicts"), True)
    assert errors.notes[-1] == "+00:08:00 11,000 times likelier than chance (160 needed)"


def test_both_sides_of_a_signal_are_drawn_in_its_unit(tmp_path: Path) -> None:
    chart = chart_of(tmp_path, story())
    panels = {panel.title: panel for panel in chart.panels[1:]}
    assert list(panels) == ["errors", "latency"]
    assert (panels["errors"].y_label, panels["latency"].y_label) == ("per 100 requests", "ms")
    new, old, bound = panels["errors"].lines
    assert (new.ys[-1], old.ys[-1], bound.ys[-1]) == pytest.approx((4.1, 0.21, 0.71))
    assert panels["latency"].lines[0].ys == pytest.approx((184.0,))
    assert (new.colour, old.colour) == (Colour.VERMILION, Colour.BLUE)
    assert new.shape is not old.shape


def test_a_reading_that_is_not_there_breaks_the_line(tmp_path: Path) -> None:
    script = Script().opened()
    script.evidence(minute=5, canary=side(None))
    script.evidence(minute=6)
    missing, there = chart_of(tmp_path, script).panels[1].lines[0].ys
    assert missing is None
    assert there == pytest.approx(4.1)


def test_what_happened_is_marked_in_order_of_time(tmp_path: Path) -> None:
    marks = [(mark.x, mark.text) for mark in chart_of(tmp_path, story()).marks]
    assert marks == [
        (0.0, "the release begins"),
        (5.0, "the first bad interval begins"),
        (8.0, "verdict: harmful, confidence 0.9999"),
        (8.0, "decided: rollback, by rule prod/*"),
        (8.0, "a human is asked: approval"),
        (10.0, "the question is granted by ada via slack"),
        (10.0, "ordered: undo"),
        (11.0, "undo: done"),
    ]


def test_a_good_release_is_marked_as_judged_and_promoted(tmp_path: Path) -> None:
    texts = [mark.text for mark in chart_of(tmp_path, stories.promoted()).marks]
    assert texts[1:4] == ["verdict: healthy", "decided: promote, by rule prod/*", "ordered: promote"]


def test_a_release_without_evidence_is_not_drawn(tmp_path: Path) -> None:
    with pytest.raises(NothingToDrawError, match="no evidence about release"):
        chart_of(tmp_path, Script().opened())


def test_the_same_chart_is_the_same_picture(tmp_path: Path) -> None:
    chart = chart_of(tmp_path, story())
    picture = as_png(chart)
    assert picture.startswith(PNG)
    assert picture == as_png(chart)


HOSTILE = "</script><img src=x onerror=alert(1)> $x^2$ <a href='https://evil.example'>"


def hostile() -> Chart:
    line = Line(name=HOSTILE, xs=(0.0, 1.0), ys=(1.0, None), colour=Colour.BLUE, notes=(HOSTILE, ""))
    panel = Panel(title=HOSTILE, y_label=HOSTILE, lines=(line,))
    mark = Mark(x=0.5, when="+00:00:01", text=HOSTILE)
    return Chart(title=HOSTILE, subtitle=HOSTILE, panels=(panel,), marks=(mark,), x_range=(0.0, 1.0))


def test_names_that_strangers_chose_are_text_and_no_markup() -> None:
    page = as_html(hostile()).decode()
    ours = page.split("<script>", 1)[0]
    assert "<img" not in ours
    assert "<a href" not in ours
    found = re.search(r'<script id="figure" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    figure: dict[str, Any] = json.loads(found[1])
    assert "<" not in figure["data"][0]["name"]
    assert as_png(hostile()).startswith(PNG)


def test_a_page_lets_nothing_be_fetched_and_runs_its_own_scripts_alone() -> None:
    page = as_html(hostile()).decode()
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert found is not None
    policy = dict(part.strip().split(" ", 1) for part in found[1].split(";"))
    assert policy["default-src"] == "'none'"
    assert re.fullmatch(r"('sha256-[A-Za-z0-9+/=]+' ?){2}", policy["script-src"])
    assert "connect-src" not in policy


def test_calibration_is_drawn_with_its_intervals(tmp_path: Path) -> None:
    script = story().labelled(LabelKind.BAD, LabelSource.APPROVAL, trust=0.9)
    write(tmp_path, script.effects)
    (panel,) = calibration_chart(connect(tmp_path), only_others=True).panels
    promised, happened = panel.lines
    assert panel.ticks == ((0.0, "0.999 to 0.9999\nof 1"),)
    assert promised.ys == pytest.approx((99.99,))
    assert happened.ys == (100.0,)
    assert (*happened.lows, *happened.highs) == pytest.approx((20.65, 100.0), abs=0.01)
    assert as_png(calibration_chart(connect(tmp_path))).startswith(PNG)


def test_delivery_is_drawn_by_week_with_a_line_an_environment(tmp_path: Path) -> None:
    write(tmp_path, story().effects)
    write(tmp_path, Script(environment="dev", first_offset=900).opened().effects, partition=4)
    found = measure(connect(tmp_path), until=START.replace(day=26), weeks=2)
    chart = dora_chart(found)
    assert [[line.name for line in panel.lines] for panel in chart.panels] == [["dev", "prod"]] * 4
    assert [panel.lines[1].ys for panel in chart.panels] == [(1.0,), (None,), (100.0,), (6.0,)]
    assert as_png(chart).startswith(PNG)


def test_without_numbers_nothing_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(NothingToDrawError):
        calibration_chart(connect(tmp_path))
    with pytest.raises(NothingToDrawError):
        dora_chart(measure(connect(tmp_path), until=START, weeks=1))
