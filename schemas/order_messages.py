"""Commands and outcomes as CloudEvents, to be signed by who sends them."""

from schemas.envelopes import Message, envelope, from_python_json, read_envelope
from schemas.orders import Command, Outcome
from schemas.topics import Topic


def command_message(command: Command) -> Message:
    """Return a command as it goes onto the topic `commands`, not yet signed."""
    value = envelope(
        kind="dev.suture.command.v1",
        id_=command.id,
        at=command.issued_at,
        subject=command.release,
        data=command,
    )
    return Message(topic=Topic.COMMANDS, key=command.target.key.encode(), value=value)


def outcome_message(outcome: Outcome) -> Message:
    """Return an outcome as it goes onto the topic `outcomes`, not yet signed."""
    value = envelope(
        kind="dev.suture.outcome.v1", id_=outcome.id, at=outcome.at, subject=outcome.release, data=outcome
    )
    return Message(topic=Topic.OUTCOMES, key=outcome.target.key.encode(), value=value)


def read_command(value: bytes | None) -> Command:
    """Return the command that a message holds.

    Raises:
        SchemaError: it holds none.
    """
    command: Command = from_python_json(Command, read_envelope(value).get("data"))
    return command


def read_outcome(value: bytes | None) -> Outcome:
    """Return the outcome that a message holds.

    Raises:
        SchemaError: it holds none.
    """
    outcome: Outcome = from_python_json(Outcome, read_envelope(value).get("data"))
    return outcome
