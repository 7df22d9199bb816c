"""How a pipeline waits for a verdict: ask, ask again, come back after errors, and end as an exit code."""

from collections.abc import Callable
from datetime import timedelta

from schemas.errors import SutureError
from streams.release_verdicts import ReleaseVerdict, Standing

ONE_QUESTION = timedelta(seconds=50)
"""How long the gateway may wait before it answers; below the minute after which proxies hang up."""

PACE = timedelta(seconds=5)
"""From one question to the next when an answer came at once that settles nothing."""

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)
"""After an error, doubled with each further one."""

HEALTHY, HARMFUL, NOT_KNOWN, BROKEN, NOBODY = 0, 1, 3, 4, 5
"""Exit codes. 2 is that of a question that was not understood."""


class NoAnswerError(SutureError):
    """Nobody answered this time: ask again."""


def wait_for_verdict(
    ask: Callable[[timedelta], ReleaseVerdict],
    at_most: timedelta,
    *,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
    tell: Callable[[ReleaseVerdict | NoAnswerError], None],
) -> ReleaseVerdict | None:
    """Return the settled verdict, or the last answer when the time is over; None if that was an error.

    Args:
        ask: Asks the gateway, which may wait so long before it answers.
        at_most: How long to go on.
        monotonic: Seconds of a clock that only rises.
        sleep: Sleeps so many seconds.
        tell: Is told every answer and every error.

    Raises:
        SettingsError: the gateway refused the question.
    """
    end = monotonic() + at_most.total_seconds()
    pause_s = FIRST_PAUSE.total_seconds()
    while True:
        began = monotonic()
        answer: ReleaseVerdict | None = None
        try:
            answer = ask(min(timedelta(seconds=max(end - began, 0.0)), ONE_QUESTION))
        except NoAnswerError as error:
            tell(error)
            rest_s, pause_s = pause_s, min(2 * pause_s, LONGEST_PAUSE.total_seconds())
        else:
            tell(answer)
            if answer.is_settled:
                return answer
            # Too many wait there, or the gateway is about to stop: it answers at once, whatever was asked.
            rest_s = PACE.total_seconds() - (monotonic() - began)
            pause_s = FIRST_PAUSE.total_seconds()
        left_s = end - monotonic()
        if left_s <= 0:
            return answer
        if rest_s > 0:
            sleep(min(rest_s, left_s))


def exit_code(answer: ReleaseVerdict | None) -> int:
    """Return what a pipeline sees; only a verdict that stands to the end of the watch is a 0."""
    if answer is None or answer.verdict is Standing.UNKNOWN:
        return NOBODY
    if answer.verdict is Standing.HARMFUL:
        return HARMFUL
    if answer.verdict is Standing.BROKEN:
        return BROKEN
    return HEALTHY if answer.verdict is Standing.HEALTHY and answer.is_final else NOT_KNOWN
