"""The form of every verb on Kubernetes, and what they share: change only what was read."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from actions.actuator import Progress
from actions.errors import PermanentActionError, TransientActionError
from actions.kubernetes_api import ConflictError
from actions.kubernetes_resources import Rule
from schemas.orders import Command
from schemas.releases import Target, TargetKind

T = TypeVar("T")
B = TypeVar("B")

ATTEMPTS = 5
"""Tries in a row against somebody who writes at the same time, before a pause."""


class Verb(Protocol):
    """One thing that can be done to objects of a cluster; raises as `Actuator` says."""

    kinds: tuple[TargetKind, ...]
    """What it can be done to."""

    @staticmethod
    def rights(kind: TargetKind) -> tuple[Rule, ...]:
        """Return the rights that it needs, and no more."""

    def read_back(self, command: Command) -> Progress:
        """Return how far the target is from what the command asks for; changes nothing."""

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Write down what the command asks for; return what was changed, as a sentence.

        A rehearsal does the same, admission and quota included, and stores nothing.
        """


def where(target: Target) -> str:
    """Return a target's place in its cluster."""
    return f"{target.namespace}/{target.workload}"


def what(command: Command) -> str:
    """Return the beginning of an error's text."""
    to = f" to template {command.template}" if command.template else ""
    return f"{command.kind.replace('_', ' ')} of {where(command.target)}{to}"


def write_as_read(
    name: str,
    read: Callable[[], T],
    version: Callable[[T], str],
    decide: Callable[[T], tuple[str, B | None]],
    write: Callable[[B], object],
) -> str:
    """Read, decide and write, again when somebody else wrote in between; return the decision's sentence.

    Args:
        name: Begins the text of an error.
        read: Reads what the decision hangs on.
        version: Says what tells one state of it from the next.
        decide: Returns a sentence, and what to write; None for nothing.
        write: Writes, on condition that nothing has changed.

    Raises:
        PermanentActionError: the server does not take it, though nobody wrote in between.
        TransientActionError: somebody else wrote each time.
    """
    refused: ConflictError | None = None
    refused_version = ""
    for _ in range(ATTEMPTS):
        seen = read()
        if refused is not None and version(seen) == refused_version:
            raise PermanentActionError(str(refused)) from refused
        text, body = decide(seen)
        if body is None:
            return text
        try:
            write(body)
        except ConflictError as error:
            refused, refused_version = error, version(seen)
            continue
        return text
    raise TransientActionError(f"{name}: somebody else wrote {ATTEMPTS} times in between")
