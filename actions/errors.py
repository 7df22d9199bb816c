"""What can go wrong with an action, told apart by what the executor does next."""

from schemas.errors import SutureError
from schemas.verbs import Ownership


class ActionError(SutureError):
    """An action did not work.

    Attributes:
        ownership: Who owns the target, where the attempt told an owner to leave it alone: that outlasts it.
    """

    ownership: Ownership | None = None


class TransientActionError(ActionError):
    """Try again before the command's deadline.

    Attributes:
        retry_after_s: Seconds that the other side asked to wait; None when it did not say.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PermanentActionError(ActionError):
    """Stop and page: trying again changes nothing.

    Attributes:
        log_tail: Last lines that a failed Job said, redacted.
    """

    def __init__(self, message: str, log_tail: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.log_tail = log_tail


class NotAllowedActionError(PermanentActionError):
    """We lack a right, or are not known. An API server that has just started says so of everybody, too."""


class RefusedActionError(ActionError):
    """The world is not what the command expects, so it must not be carried out."""


class HandedOverError(ActionError):
    """Nothing is changed here: the target's owner would write it again, and a human was given what to do.

    Attributes:
        ownership: Who owns the target, what was chosen because of it, and where a human goes on.
    """

    def __init__(self, message: str, ownership: Ownership) -> None:
        super().__init__(message)
        self.ownership = ownership


class ReportedElsewhereError(ActionError):
    """Another executor has reported the command by now: nothing more may be changed for it."""


class SignatureError(SutureError):
    """A command is not signed by a key that is known here: it must not be carried out."""
