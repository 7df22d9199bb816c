"""The sink that has questions put into words by a language model, for those who have to answer them.

Whatever goes wrong with the model is logged and forgotten: nothing waits for it, and nothing hangs on it.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from actions.errors import ActionError
from actions.explainer.question import Question, question_of_hold
from actions.explainer.reading import read_answer
from schemas.effects import Effect
from schemas.envelopes import Message
from schemas.errors import SchemaError
from schemas.explanations import Explained
from schemas.observation_messages import observation_message
from schemas.orders import Held
from schemas.topics import Topic

logger = logging.getLogger("suture.explainer")


class Answered(Protocol):
    """What a model answered."""

    @property
    def content(self) -> str:
        """Its text."""

    @property
    def model(self) -> str:
        """Its name."""

    @property
    def tokens(self) -> int:
        """What it took."""


class AsksModel(Protocol):
    """A language model."""

    def ask(self, question: Question) -> Answered:
        """Return its answer; raises ActionError."""


class ExplainerSink:
    """Explains what waits.

    Args:
        model: What is asked.
        send: Puts a message onto the log, and returns when it is there.
        now: The clock; an explanation's instant is when it came.
    """

    name = "explainer"

    def __init__(
        self, model: AsksModel, send: Callable[[Message], None], now: Callable[[], datetime]
    ) -> None:
        self._model, self._send, self._now = model, send, now

    def take(self, effect: Effect) -> None:
        """Explain a question, or leave it unexplained."""
        held = effect.said
        if not isinstance(held, Held):
            return
        question = question_of_hold(held)
        now = self._now()
        if question is None or (held.expires_at is not None and now >= held.expires_at):
            return
        try:
            answered = self._model.ask(question)
            explanation = read_answer(
                question, answered.content, answered.model, answered.tokens, max(now, held.at)
            )
        except (ActionError, SchemaError) as error:
            logger.warning("question is not explained", extra={"hold": held.id, "reason": str(error)})
            return
        self._send(
            observation_message(
                Topic.ENVIRONMENT_OBSERVATIONS, held.environment, Explained(explanation=explanation)
            )
        )

    def turn(self) -> None:
        """Do nothing: an explanation is asked for once."""
