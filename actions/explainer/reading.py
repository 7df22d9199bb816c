"""A language model's answer, read as what a stranger wrote: checked again, bounded, without markup. Pure."""

import json
import re
from datetime import datetime
from typing import Any

from actions.explainer.question import Question
from schemas.errors import SchemaError
from schemas.explanations import LONGEST_SENTENCE, SENTENCES, Explanation, Hypothesis
from schemas.keys import derived_id

_LONGEST_ANSWER = 8_000
_ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.-]{1,20}:)?//\S+|\bwww\.\S+|\b(?:javascript|data|mailto):\S+", re.IGNORECASE
)
_MARKUP = re.compile(r"[<>\[\]{}|`*_#~\\@!]")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\u024f\u2010-\u2027\u2030-\u205e\u20ac]")


def read_answer(question: Question, content: str, model: str, tokens: int, at: datetime) -> Explanation:
    """Return the explanation that a model's answer holds.

    Raises:
        SchemaError: it is not the JSON that was asked for, or names a hypothesis that was not offered.
    """
    if len(content) > _LONGEST_ANSWER:
        raise SchemaError(f"the answer has {len(content)} characters, expected at most {_LONGEST_ANSWER}")
    try:
        found: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SchemaError("the answer is no JSON") from error
    if not isinstance(found, dict) or set(found) != {"sentences", "hypothesis", "doubts"}:
        raise SchemaError("the answer has other keys than sentences, hypothesis and doubts")
    sentences, doubts = found["sentences"], found["doubts"]
    if not isinstance(sentences, list) or len(sentences) != SENTENCES:
        raise SchemaError(f"the answer has not {SENTENCES} sentences")
    if not isinstance(doubts, str) or not all(isinstance(one, str) for one in sentences):
        raise SchemaError("a sentence of the answer is no text")
    offered = {one.value: one for one in question.offered}
    hypothesis = offered.get(found["hypothesis"]) if isinstance(found["hypothesis"], str) else None
    if hypothesis is None:
        raise SchemaError("the answer names a hypothesis that was not offered")
    plain = tuple(_plain(one) for one in sentences)
    if not all(plain):
        raise SchemaError("a sentence of the answer is empty")
    return Explanation(
        id=derived_id("explanation", question.about, model, question.digest),
        about=question.about,
        release=question.release,
        environment=question.environment,
        service=question.service,
        sentences=plain,
        hypothesis=Hypothesis(hypothesis),
        doubts=_plain(doubts),
        model=_plain(model)[:100] or "unknown",
        prompt=question.digest,
        tokens=max(0, tokens),
        at=at,
    )


def _plain(text: str) -> str:
    """Return one line without addresses, markup and mentions, cut to the bound."""
    text = _MARKUP.sub("", _ADDRESS.sub("", text.replace("\n", " ")))
    text = " ".join(_UNPRINTABLE.sub("", text).split())
    return text if len(text) <= LONGEST_SENTENCE else text[: LONGEST_SENTENCE - 1] + "…"
