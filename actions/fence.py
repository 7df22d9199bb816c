"""A last question before each write: whether the command is still this executor's to carry out.

Two executors may hold one command: the group took its partition from one that was only slow. A write says
what it read, so that of two at the same moment one loses; it then reads again, and would write over what
later commands of the new owner have done. The new owner reports a command before it starts the next one.
So a write may go out when, after what it rests on was read, nobody has reported the command: whatever is
done later by others makes the server refuse it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


def _open() -> None:
    """Let everything through: nobody carries out a command."""


_ask: ContextVar[Callable[[], None]] = ContextVar("fence", default=_open)


@contextmanager
def fenced(ask: Callable[[], None]) -> Iterator[None]:
    """Ask before each write of this thread for the length of a `with` block; the question raises for no."""
    token = _ask.set(ask)
    try:
        yield
    finally:
        _ask.reset(token)


def require_open() -> None:
    """Go on when the write may go out; called between the read that it rests on and the write."""
    _ask.get()()
