"""Replies: what people said to a question on a channel, before it is known which hold they mean."""

from dataclasses import dataclass

from pydantic import AwareDatetime

from schemas.codec import from_json, to_json
from schemas.envelopes import Message
from schemas.observations import Answer
from schemas.topics import Topic
from schemas.typed_text import hush


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A human's answer as a channel delivered it; proven, and not yet matched with a hold.

    Attributes:
        channel: pagerduty or slack.
        source: The vendor's id of the delivery or the entry: what tells a repeat.
        thread: What it was said to: an incident's id; `channel/timestamp` of a message.
        by: The channel's id of the user.
        hold: Id of the hold where the channel carries it; "" where only the thread tells.
        environment: Environment of that hold; "" likewise.
        code: The hold's code, where the human had to write it; "" elsewhere.
        to: Who is asked instead, for a hand-over.
    """

    channel: str
    source: str
    thread: str
    by: str
    answer: Answer
    at: AwareDatetime
    hold: str = ""
    environment: str = ""
    code: str = ""
    to: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        hush(self, "why")


def reply_message(reply: Reply) -> Message:
    """Return a reply as it goes onto the topic `callbacks`; one thread's replies stay in order."""
    key = f"{reply.channel}/{reply.thread}"
    return Message(topic=Topic.CALLBACKS, key=key.encode(), value=to_json(reply))


def read_reply(value: bytes | None) -> Reply:
    """Return the reply that a message of the topic `callbacks` holds.

    Raises:
        SchemaError: it is none.
    """
    return from_json(Reply, value or b"")
