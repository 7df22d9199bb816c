"""A client of the gateway that tells of a deploy, so that a pipeline needs no Kafka."""

import json
from collections.abc import Callable

import httpx

from schemas.codec import from_json, to_json
from schemas.errors import SchemaError, SettingsError, SutureError
from streams.deploy_requests import DeployRequest
from streams.gateway_deploys import DeployTold
from streams.verdict_client import address_of, bearer

PAUSES_S = (1.0, 2.0, 4.0, 8.0)
"""Before each further try. The same deploy told twice is one release, so trying again is safe."""

_PATIENCE_S = 30.0  # above the 15 s in which the gateway gives up on Kafka
_AGAIN = frozenset({408, 425, 429})


class UntoldError(SutureError):
    """Nobody took the deploy, and somebody might if it is told again later."""


def tell_deploy(
    gateway: str,
    asked: DeployRequest,
    *,
    token: str = "",
    sleep: Callable[[float], None],
    transport: httpx.BaseTransport | None = None,
) -> DeployTold:
    """Return what the gateway made of a deploy.

    Args:
        gateway: Its address, such as http://suture-gateway:4318.
        asked: The deploy; with a key or an instant, so that a repeat is the same deploy.
        token: What is shown to a gateway that asks for one; "" for nothing.
        sleep: Sleeps so many seconds.
        transport: How requests travel; None for the network.

    Raises:
        SettingsError: the address is none, or the gateway refused the deploy and would again.
        UntoldError: it could not be reached, or did not take it, however often it was asked.
    """
    name = address_of(gateway)
    url = f"{gateway.rstrip('/')}/v1/deploys"
    headers = {"content-type": "application/json", **bearer(token)}
    why = ""
    with httpx.Client(transport=transport, timeout=_PATIENCE_S) as client:
        for pause_s in (0.0, *PAUSES_S):
            if pause_s:
                sleep(pause_s)
            try:
                answer = client.post(url, content=to_json(asked), headers=headers)
            except httpx.HTTPError as error:
                why = f"does not answer: {type(error).__name__}"
                continue
            if answer.status_code == httpx.codes.ACCEPTED:
                return _told(name, answer.content)
            if 200 <= answer.status_code < 500 and answer.status_code not in _AGAIN:
                raise SettingsError(f"{name} answered {answer.status_code}{_reason(answer)}")
            why = f"answered {answer.status_code}"
    raise UntoldError(f"{name} {why}, expected it to take the deploy; asked {1 + len(PAUSES_S)} times")


def _told(name: str, body: bytes) -> DeployTold:
    try:
        return from_json(DeployTold, body)
    except SchemaError as error:
        raise SettingsError(f"{name} answered what is no release: is this Suture's gateway?") from error


def _reason(answer: httpx.Response) -> str:
    """Return the sentence of a refusal, which is ours and repeats nothing; "" where there is none."""
    try:
        said = json.loads(answer.content)["error"]
    except (ValueError, KeyError, TypeError):
        return ", expected 202: is this Suture's gateway?"
    return f": {said}" if isinstance(said, str) and said.isprintable() and len(said) < 500 else ""
