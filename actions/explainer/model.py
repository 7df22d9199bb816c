"""The one door to the OpenAI client: one question, one answer, within a budget of seconds.

The base URL may be that of any server that speaks chat completions, such as one on this machine.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import openai
from openai.types.chat import ChatCompletion

from actions.errors import PermanentActionError, TransientActionError
from actions.explainer.question import Question

_MOST_TOKENS = 600
_SHORTEST_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back, unread.

    Attributes:
        model: As the server names it.
        tokens: Of question and answer together; 0 where it does not say.
    """

    content: str
    model: str
    tokens: int


class Model:
    """Asks one model.

    Args:
        url: Base URL, up to `/v1`.
        model: Its name there.
        key: Bearer token; "" for servers that want none.
        budget_s: Seconds for everything together, one repetition included.
    """

    def __init__(self, url: str, model: str, key: str = "", budget_s: float = 20.0) -> None:
        self.name = model
        self._url, self._key, self._budget_s = url, key, budget_s

    def ask(self, question: Question) -> Answered:
        """Return the model's answer, after one repetition at most.

        What fails in the strict form is asked once more in the older one, which servers know that are not
        OpenAI's.

        Raises:
            TransientActionError: It did not answer in time, or is busy.
            PermanentActionError: It refuses the request, or the answer is cut off, refused, or a call.
        """
        ends = time.monotonic() + self._budget_s
        try:
            return self._once(question, self._budget_s * 0.6, strict=True)
        except TransientActionError:
            pass
        except PermanentActionError as error:
            if not isinstance(error.__cause__, openai.BadRequestError | openai.UnprocessableEntityError):
                raise
        return self._once(question, max(_SHORTEST_S, ends - time.monotonic()), strict=False)

    def _once(self, question: Question, timeout_s: float, *, strict: bool) -> Answered:
        # A client's own timeout ends with each byte that a slow server sends: this one does not.
        with self._client(timeout_s) as client:
            asking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="explainer")
            try:
                return _answer(
                    asking.submit(self._complete, client, question, strict=strict).result(timeout_s)
                )
            except TimeoutError as error:
                raise TransientActionError(f"{self.name} did not answer within {timeout_s:.1f} s") from error
            except (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError) as error:
                raise TransientActionError(f"{self.name} is not there: {type(error).__name__}") from error
            except openai.OpenAIError as error:
                raise PermanentActionError(
                    f"{self.name} answers no completion: {type(error).__name__}"
                ) from error
            except ValueError as error:
                raise PermanentActionError(f"{self.name} answers what is no JSON") from error
            finally:
                asking.shutdown(wait=False, cancel_futures=True)

    def _client(self, timeout_s: float) -> openai.OpenAI:
        """Return a client that sends nothing of the surroundings: no proxy, no organisation."""
        return openai.OpenAI(
            base_url=self._url,
            api_key=self._key or "none",
            organization="",
            project="",
            max_retries=0,
            timeout=timeout_s,
            http_client=openai.DefaultHttpxClient(trust_env=False, follow_redirects=False),
        )

    def _complete(self, client: openai.OpenAI, question: Question, *, strict: bool) -> ChatCompletion:
        rules, *data = question.messages
        if not strict:
            rules = rules | {"content": f"{rules['content']} Answer with JSON alone, by {question.schema}"}
        # The types of the client know each role by a class of its own; these are plain mappings.
        messages: Any = [rules, *data]
        form: Any = {"name": "explanation", "strict": True, "schema": question.schema}
        if strict:
            return client.chat.completions.create(
                model=self.name,
                messages=messages,
                temperature=0,
                max_completion_tokens=_MOST_TOKENS,
                response_format={"type": "json_schema", "json_schema": form},
            )
        return client.chat.completions.create(
            model=self.name, messages=messages, temperature=0, max_tokens=_MOST_TOKENS
        )


def _answer(completion: ChatCompletion) -> Answered:
    choices = completion.choices if isinstance(completion, ChatCompletion) else None
    if not choices:
        raise PermanentActionError("the model's answer has no choice")
    choice = choices[0]
    message = choice.message
    if choice.finish_reason != "stop" or message.refusal or message.tool_calls or not message.content:
        raise PermanentActionError(
            f"the model's answer ended by {choice.finish_reason}, expected a whole text"
        )
    used = completion.usage
    return Answered(
        content=message.content, model=completion.model or "", tokens=used.total_tokens if used else 0
    )
