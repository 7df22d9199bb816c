"""Which steps are asked for when: each once, none left out, however the asking goes."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from schemas.pulled_series import PulledKind
from streams.pull_progress import LONGEST_ASKED_PAUSE, LONGEST_PAUSE, MOST_STEPS_AT_ONCE, Progress, Window
from streams.pull_sources import PullQuery, PullSource, SourceKind

STEP_MS = 15_000
NOW_MS = 1_700_000_000_000 // STEP_MS * STEP_MS


def a_source(**changes: object) -> PullSource:
    """Return a source that is asked every 15 seconds."""
    query = PullQuery(metric="m", query="up", kind=PulledKind.GAUGE)
    given = {"name": "main", "kind": SourceKind.PROMETHEUS, "url": "http://p", "queries": (query,), **changes}
    return PullSource(**given)  # type: ignore[arg-type]  # a test names its fields


def test_the_first_question_goes_back_as_far_as_the_history_and_ends_one_step_behind_now() -> None:
    window = Progress(a_source(history=timedelta(minutes=10))).window(NOW_MS + 7_000)
    assert window == Window(NOW_MS - STEP_MS - 39 * STEP_MS, NOW_MS - STEP_MS, STEP_MS)


def test_what_was_answered_is_not_asked_for_again() -> None:
    progress = Progress(a_source())
    window = progress.window(NOW_MS)
    assert window is not None
    progress.took(window, window.end_ms, NOW_MS)
    assert progress.window(NOW_MS) is None
    later = progress.window(NOW_MS + STEP_MS)
    assert later == Window(NOW_MS, NOW_MS, STEP_MS)


def test_what_brought_nothing_is_asked_for_again_with_what_follows() -> None:
    progress = Progress(a_source(), covered_ms=NOW_MS - 2 * STEP_MS, heard_ms=NOW_MS - 2 * STEP_MS)
    first = progress.window(NOW_MS)
    assert first == Window(NOW_MS - STEP_MS, NOW_MS - STEP_MS, STEP_MS)
    progress.took(first, None, NOW_MS)
    assert progress.window(NOW_MS + STEP_MS) == Window(NOW_MS - STEP_MS, NOW_MS, STEP_MS)


def test_a_source_that_does_not_know_the_newest_steps_yet_is_asked_for_them_again() -> None:
    progress = Progress(a_source(), covered_ms=NOW_MS - 4 * STEP_MS)
    window = progress.window(NOW_MS)
    assert window is not None
    progress.took(window, NOW_MS - 2 * STEP_MS, NOW_MS)
    assert progress.window(NOW_MS) == Window(NOW_MS - STEP_MS, NOW_MS - STEP_MS, STEP_MS)


def test_more_than_one_question_asks_for_is_asked_for_piece_by_piece() -> None:
    progress = Progress(a_source(history=timedelta(hours=3)))
    pieces = []
    while (window := progress.window(NOW_MS)) is not None:
        pieces.append(window)
        is_last = not progress.is_behind(NOW_MS)
        # The middle holds no samples: a time in which the source was down.
        progress.took(window, None if len(pieces) == 2 else window.end_ms, NOW_MS)
        if is_last:
            break
    assert [(piece.end_ms - piece.start_ms) // STEP_MS + 1 for piece in pieces] == [MOST_STEPS_AT_ONCE] * 3
    assert all(after.start_ms == before.end_ms + STEP_MS for before, after in pairwise(pieces))


@given(
    waits=st.lists(
        st.tuples(st.integers(0, 100_000), st.sampled_from(["answers", "fails", "dies"])), max_size=60
    )
)
def test_every_step_is_taken_once_and_in_order_however_often_asking_fails_or_the_puller_dies(
    waits: list[tuple[int, str]],
) -> None:
    source = a_source(history=timedelta(hours=20))
    progress, taken, now_ms = Progress(source), list[int](), NOW_MS
    for wait_ms, becomes in [*waits, (STEP_MS, "answers"), (0, "answers")]:
        now_ms += wait_ms
        window = progress.window(now_ms)
        if window is None:
            continue
        if becomes == "fails":
            progress.failed()
            continue
        taken += range(window.start_ms, window.end_ms + 1, STEP_MS)
        progress.took(window, window.end_ms, now_ms)
        if becomes == "dies":
            # The log knows the newest step that brought a sample, and nothing else.
            progress = Progress(source, covered_ms=taken[-1], heard_ms=taken[-1])
    assert taken == list(range(taken[0], taken[-1] + 1, STEP_MS))
    assert taken[-1] <= now_ms - STEP_MS


def test_pauses_after_errors_double_up_to_a_bound_and_an_answer_ends_them() -> None:
    progress = Progress(a_source())
    assert [progress.failed() for _ in range(5)] == [15, 30, 60, 60, 60]
    window = progress.window(NOW_MS)
    assert window is not None
    progress.took(window, None, NOW_MS)
    assert progress.failed() == 15
    assert timedelta(seconds=60) == LONGEST_PAUSE


def test_a_source_that_asks_for_a_longer_pause_is_granted_it_within_reason() -> None:
    progress = Progress(a_source())
    assert progress.failed(100.0) == 100.0
    assert progress.failed(1e9) == LONGEST_ASKED_PAUSE.total_seconds()
    assert progress.failed(1.0) == 60.0


def test_a_source_is_silent_after_as_many_intervals_without_a_sample_as_it_may_be() -> None:
    progress = Progress(a_source(silent_after=3), heard_ms=NOW_MS)
    granted = 2 * STEP_MS + 3 * STEP_MS
    assert not progress.is_silent(NOW_MS + granted)
    assert progress.is_silent(NOW_MS + granted + 1)


def test_a_source_that_never_spoke_is_not_called_silent() -> None:
    assert not Progress(a_source()).is_silent(NOW_MS)
