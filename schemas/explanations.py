"""Explanations: a language model's words on a question that waits, kept beside it and never a part of it."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import AwareDatetime

from schemas.keys import EnvironmentName, ReleaseId, ServiceName

SENTENCES = 3
LONGEST_SENTENCE = 400


class Hypothesis(StrEnum):
    """What may be behind damage; only those that are offered may be named."""

    RELEASE = "release"
    NEIGHBOUR = "neighbour"
    DEPENDENCY = "dependency"
    TRAFFIC = "traffic"
    INSTRUMENT = "instrument"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a model wrote about a hold.

    Attributes:
        id: Derived from hold, model and prompt: asked twice is one explanation.
        about: Id of the hold, or of the verdict where nothing waits.
        sentences: Three, plain text, bounded.
        hypothesis: The likeliest of those that it was offered.
        doubts: What speaks against it, in a sentence; may be empty.
        model: As the server names it.
        prompt: Digest of what was asked.
        tokens: Tokens of question and answer together; 0 where the server does not say.
    """

    id: str
    about: str
    release: ReleaseId
    environment: EnvironmentName
    service: ServiceName
    sentences: tuple[str, ...]
    hypothesis: Hypothesis
    model: str
    prompt: str
    at: AwareDatetime
    doubts: str = ""
    tokens: int = 0

    def __post_init__(self) -> None:
        if len(self.sentences) != SENTENCES or not all(self.sentences):
            raise ValueError(f"an explanation has {len(self.sentences)} sentences, expected {SENTENCES}")
        if any(len(text) > LONGEST_SENTENCE for text in (*self.sentences, self.doubts)):
            raise ValueError(f"a sentence is longer than {LONGEST_SENTENCE} characters, expected a short one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A question was explained: told to its environment, which passes it on and learns nothing from it."""

    explanation: Explanation
