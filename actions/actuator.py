"""The seam between the executor and what it changes."""

from dataclasses import dataclass
from typing import Protocol

from schemas.keys import TemplateHash
from schemas.orders import Command
from schemas.verbs import Ownership


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the world is from what a command asks for.

    Attributes:
        is_set: The wanted state is written down where the target keeps it.
        is_done: And everything that runs is as it says.
        template: Template that the newest instances are made from; "" when unknown.
        detail: What is missing, or that nothing is, in words.
        log_tail: Last lines that a Job or runbook said, oldest first, redacted.
        ownership: Who owns the target and what follows from it; None where nobody looked.
        is_begun: Something of it was done before and cut off, so that refusing it now would not mean that
            nothing happened.
        is_taken_back: What was written was written over by a sync that has been stopped since: to write it
            again is no fight.
        look_again_s: Seconds until another look is worth while; 0 leaves it to whoever looks.
    """

    is_set: bool
    is_done: bool
    template: TemplateHash
    detail: str
    log_tail: tuple[str, ...] = ()
    ownership: Ownership | None = None
    is_begun: bool = False
    is_taken_back: bool = False
    look_again_s: float = 0


class Actuator(Protocol):
    """Changes one kind of target.

    Every method raises `TransientActionError` when another try may work, `PermanentActionError` when
    none will, `RefusedActionError` when the world is not what the command expects, `HandedOverError` when
    the target's owner has to change it. Changing twice must be the same as changing once, also when the
    process died in between.
    """

    def read_back(self, command: Command) -> Progress:
        """Return how far the target is from what the command asks for; changes nothing."""

    def carry_out(self, command: Command) -> str:
        """Write down what the command asks for; return what was changed, as a sentence."""

    def rehearse(self, command: Command) -> str:
        """Do all of it but the change; return what would be changed, as a sentence."""
