"""Flagger's webhooks: what a call asks, and whether a verdict is a yes to it. Pure.

The payload does not say the hook's type, and 200 means "roll back" to one type and "go on" to the others:
each has a path of its own. Whatever is above 202 is a no.

Source: docs.flagger.app/usage/webhooks.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from schemas.codec import from_json
from schemas.errors import SchemaError
from schemas.keys import EnvironmentName, ServiceName
from schemas.names import environment_name, service_name
from streams.release_verdicts import ReleaseVerdict, Standing

_LONGEST_SENTENCE = 500  # characters; it becomes a part of a Kubernetes event


class Hook(StrEnum):
    """Types of hooks, as a Canary names them."""

    CONFIRM_ROLLOUT = "confirm-rollout"
    PRE_ROLLOUT = "pre-rollout"
    ROLLOUT = "rollout"
    CONFIRM_TRAFFIC_INCREASE = "confirm-traffic-increase"
    CONFIRM_PROMOTION = "confirm-promotion"
    POST_ROLLOUT = "post-rollout"
    ROLLBACK = "rollback"
    EVENT = "event"

    @property
    def asks(self) -> bool:
        """Return whether the verdict has a say: before a start, and after the end, it has none."""
        return self not in (Hook.CONFIRM_ROLLOUT, Hook.POST_ROLLOUT, Hook.EVENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which release a call is about."""

    environment: EnvironmentName
    service: ServiceName
    version: str
    template: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCall:
    """What Flagger posts.

    Attributes:
        name: Of the Canary.
        metadata: What the Canary's hook says: `token`, `environment`, `version`, and where they are known
            or another name is meant `template` and `service`.
    """

    name: str
    namespace: str
    phase: str = ""
    checksum: str = ""
    metadata: dict[str, str] | None = field(default=None, repr=False)

    @property
    def token(self) -> str:
        """Return the secret by which the caller is known; "" for none."""
        return (self.metadata or {}).get("token", "").strip()

    def question(self) -> Question:
        """Return which release the call is about.

        Raises:
            SchemaError: its metadata do not say. The newest release is not guessed: until its deploy is
                heard of, the newest known one is the release before.
        """
        said = self.metadata or {}
        version = said.get("version", "").strip()
        if not version:
            raise SchemaError("metadata.version is missing, expected what service.version says")
        return Question(
            environment=environment_name(said.get("environment", "")),
            service=service_name(said.get("service", "") or self.name),
            version=version,
            template=said.get("template", "").strip(),
        )


def read_call(body: bytes) -> HookCall:
    """Return what Flagger posted.

    Raises:
        SchemaError: it is no such call.
    """
    return from_json(HookCall, body)


def says_yes(hook: Hook, verdict: ReleaseVerdict) -> bool:
    """Return whether the hook is answered with a yes.

    Promotion needs health, rollback harm. On the way there only harm is a no: a canary without a verdict has
    to get its traffic, and a Suture that knows nothing must not fail it.
    """
    match hook:
        case Hook.ROLLBACK:
            return verdict.verdict is Standing.HARMFUL
        case Hook.CONFIRM_PROMOTION:
            return verdict.verdict is Standing.HEALTHY
        case Hook.PRE_ROLLOUT | Hook.ROLLOUT | Hook.CONFIRM_TRAFFIC_INCREASE:
            return verdict.verdict is not Standing.HARMFUL
        case Hook.CONFIRM_ROLLOUT | Hook.POST_ROLLOUT | Hook.EVENT:
            return True


def sentence(verdict: ReleaseVerdict) -> str:
    """Return a verdict as one plain sentence."""
    why = "; ".join(verdict.reasons)
    told = f"{verdict.service} {verdict.version} in {verdict.environment} is {verdict.verdict.value}: {why}"
    return told if len(told) <= _LONGEST_SENTENCE else f"{told[: _LONGEST_SENTENCE - 3]}..."
