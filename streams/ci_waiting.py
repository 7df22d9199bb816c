"""How a pipeline waits for a verdict: ask, ask again, come back after errors, and end as an exit code."""

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum

from schemas.errors import SutureError
from streams.release_verdicts import ReleaseVerdict, Standing

ONE_QUESTION = timedelta(seconds=50)
"""How long the gateway may wait before it answers; below the minute after which proxies hang up."""

PACE = timedelta(seconds=5)
"""From one question to the next when an answer came at once that settles nothing."""

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)
"""After an error, doubled with each further one."""

GRACE = timedelta(seconds=5)
"""How long after a verdict to wait for what the policy makes of it: until then nobody knows whether a human
is asked. The gate answers within a second or two; where none runs, this is all that it costs."""

LOOK = timedelta(seconds=1)
"""From one question to the next meanwhile."""

HEALTHY, HARMFUL, HELD, NOT_KNOWN, BROKEN, NOBODY = 0, 1, 2, 3, 4, 5
NOT_UNDERSTOOD = 64
"""Exit codes; the last is EX_USAGE of sysexits.h, for a question that nobody could answer."""


class WhenHeld(StrEnum):
    """What a pipeline does when a human is asked about its release."""

    WAIT = "wait"
    EXIT = "exit"


class NoAnswerError(SutureError):
    """Nobody answered this time: ask again."""


def wait_for_verdict(
    ask: Callable[[timedelta], ReleaseVerdict],
    at_most: timedelta,
    *,
    when_held: WhenHeld = WhenHeld.WAIT,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
    tell: Callable[[ReleaseVerdict | NoAnswerError], None],
) -> ReleaseVerdict | None:
    """Return the answer that ends it, or the last one when the time is over; None if that was an error.

    Args:
        ask: Asks the gateway, which may wait so long before it answers.
        at_most: How long to go on.
        when_held: Whether an open question to a human ends it.
        monotonic: Seconds of a clock that only rises.
        sleep: Sleeps so many seconds.
        tell: Is told every answer and every error.

    Raises:
        SettingsError: the gateway refused the question.
    """
    end = monotonic() + at_most.total_seconds()
    pause_s = FIRST_PAUSE.total_seconds()
    settled_since: float | None = None
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
            now = monotonic()
            settled_since = (settled_since or now) if answer.is_settled else None
            has_grace = settled_since is not None and now - settled_since < GRACE.total_seconds()
            if is_end(answer, when_held, has_grace=has_grace):
                return answer
            # Too many wait there, or the gateway is about to stop: it answers at once, whatever was asked.
            pace = LOOK if has_grace else PACE
            rest_s = pace.total_seconds() - (now - began)
            pause_s = FIRST_PAUSE.total_seconds()
        left_s = end - monotonic()
        if left_s <= 0:
            return answer
        if rest_s > 0:
            sleep(min(rest_s, left_s))


def is_end(answer: ReleaseVerdict, when_held: WhenHeld, *, has_grace: bool) -> bool:
    """Return whether a pipeline has nothing more to wait for.

    Harm is told at once, unless the pipeline wants to know whether a human is asked about it. Health is told
    when it is known whether a human is asked to agree to the promotion, and has been answered.

    Args:
        answer: What is held of the release.
        when_held: Whether an open question to a human ends it.
        has_grace: The verdict is so young that the policy may still say what it makes of it.
    """
    is_known = answer.is_decided or not has_grace
    if when_held is WhenHeld.EXIT:
        return bool(answer.holds) or (answer.is_settled and is_known)
    if answer.verdict is Standing.HARMFUL:
        return True
    return answer.is_final and not answer.holds and (is_known or answer.verdict is not Standing.HEALTHY)


def exit_code(answer: ReleaseVerdict | None, when_held: WhenHeld = WhenHeld.WAIT) -> int:
    """Return what a pipeline sees.

    Only a verdict that stands to the end of the watch, and to which no human was asked in vain, is a 0.
    """
    if answer is None or answer.verdict is Standing.UNKNOWN:
        return NOBODY
    is_held = bool(answer.holds)
    if is_held and when_held is WhenHeld.EXIT:
        return HELD
    if answer.verdict is Standing.HARMFUL:
        return HARMFUL
    if is_held or answer.refusal:
        return HELD
    if answer.verdict is Standing.BROKEN:
        return BROKEN
    return HEALTHY if answer.verdict is Standing.HEALTHY and answer.is_final else NOT_KNOWN
