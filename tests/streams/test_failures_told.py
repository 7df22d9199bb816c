"""What SQL and `suture why` say of a failure and of what was done about it."""

from pathlib import Path

from feature_store.failure_story import failure_story, tell_failure
from feature_store.releases import list_releases
from feature_store.views import connect
from feature_store.why import why
from schemas.failures import FailurePattern
from schemas.orders import OutcomeKind
from schemas.policy import Autonomy
from tests.builders import NEW
from tests.feature_store.script import write
from tests.streams.failing_site import Site, a_failure, a_policy, released


def mended(site: Site) -> str:
    failure = a_failure()
    site.see(failure)
    site.tick(5)
    site.end(6)
    site.clear(failure, 7)
    site.tick(40)
    return failure.failure.id


def test_a_mended_failure_is_told_from_what_failed_to_what_helped(tmp_path: Path) -> None:
    site = Site()
    failure = mended(site)
    write(tmp_path, site.heard)
    with connect(tmp_path) as connection:
        story = failure_story(connection, failure[:20])
        assert story is not None
        told = tell_failure(story)
        assert list_releases(connection) == []
        (row,) = connection.execute("SELECT playbook, step, is_rehearsal FROM commands").fetchall()
    assert row == ("restart-crashed-pod@1", "replace the pod", False)
    assert told.startswith(
        "cart in dev: crash loop, mended by restart-crashed-pod@1, gone 7 s after it began."
    )
    assert "Delete pod of default/dev/cart, pod cart-x by restart-crashed-pod@1" in told
    assert "Recovered: crash_loop" in told


def test_what_is_only_asked_rehearsed_or_not_done_is_told_so(tmp_path: Path) -> None:
    for number, (autonomy, words) in enumerate(
        (
            (Autonomy.ASK, "a human is asked what to do"),
            (Autonomy.SHADOW, "nothing was done"),
            (Autonomy.DRY_RUN, "whether what was done mends it is not known yet"),
        )
    ):
        site = Site(a_policy(autonomy))
        failure = a_failure(FailurePattern.CACHE_FULL)
        site.see(failure)
        site.tick(5)
        if site.commands:
            site.end(6, OutcomeKind.REHEARSED)
        folder = tmp_path / str(number)
        write(folder, site.heard)
        with connect(folder) as connection:
            story = failure_story(connection, failure.failure.id)
            assert story is not None
            told = tell_failure(story)
        assert words in told
        assert ("Rehearsal: Set config" in told) is (autonomy is Autonomy.DRY_RUN)


def test_a_release_that_was_taken_back_for_its_failing_pods_says_so(tmp_path: Path) -> None:
    site = Site()
    released(site)
    site.see(a_failure(template=NEW))
    site.tick(25)
    site.end(27)
    write(tmp_path, site.heard)
    with connect(tmp_path) as connection:
        story = why(connection, "cart")
        assert story.row.state == "rolled_back"
        (why_failed,) = connection.execute("SELECT failure FROM decisions").fetchall()
    assert why_failed == (a_failure(template=NEW).failure.id,)
