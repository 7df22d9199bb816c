"""A release's plot as a page, in a real browser: drawn without a network, and nothing of it runs but ours."""

from pathlib import Path

import pytest

from feature_store.chart_html import as_html
from feature_store.release_chart import release_chart
from feature_store.views import connect
from schemas.keys import SignalName
from tests.feature_store import stories
from tests.feature_store.script import Script, write
from tests.integration.browsing import browsing

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def test_a_page_is_drawn_from_itself_alone(tmp_path: Path) -> None:
    script = Script().opened()
    hostile = SignalName("<img src=x onerror=document.title='run'>")
    for minute in (5, 6, 7):
        script.evidence(minute=minute, log_e=minute - 4.0)
        script.evidence(minute=minute, log_e=-1.0, signal=hostile)
    stories.asked(script)
    write(tmp_path / "journal", script.effects)
    page = tmp_path / "cart.html"
    page.write_bytes(as_html(release_chart(connect(tmp_path / "journal"), script.release)))
    with browsing(tmp_path) as browser:
        browser.resize(1280, 1100)
        browser.open(page.as_uri())
        assert browser.count("#chart .scatterlayer .trace") >= 4
        assert "cart 1.4.2 in prod" in browser.text
        assert "verdict: harmful" in browser.text
        assert browser.run("return document.title") != "run"
        # Whatever it loads, it loads from itself: the policy forbids the rest, and nothing was tried.
        assert (
            browser.run(
                "return performance.getEntriesByType('resource').filter(e => /^https?:/.test(e.name)).length"
            )
            == 0
        )
        # Somebody else's script in the page does not run.
        browser.run(
            "const s = document.createElement('script'); s.textContent = \"document.title = 'run'\";"
            "document.body.append(s)"
        )
        assert browser.run("return document.title") != "run"
        (tmp_path / "cart.png").write_bytes(browser.picture())
