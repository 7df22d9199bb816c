"""A client of the gateway: one question about a release, answered when it is settled or the time is up."""

from datetime import timedelta
from typing import Self
from urllib.parse import quote

import httpx

from schemas.codec import from_json
from schemas.errors import SchemaError, SettingsError
from schemas.keys import EnvironmentName, ServiceName
from streams.ci_waiting import NoAnswerError
from streams.release_verdicts import ReleaseVerdict, unknown

_PATIENCE_S = 15.0  # for connecting, and on top of what the gateway was asked to wait
_AGAIN = frozenset({408, 425, 429})


def address_of(gateway: str) -> str:
    """Return a gateway's scheme, host and port, which may be shown.

    Raises:
        SettingsError: the address is none.
    """
    try:
        address = httpx.URL(gateway)
    except httpx.InvalidURL as error:
        raise SettingsError("gateway is no address, expected http://HOST:PORT") from error
    if address.scheme not in ("http", "https") or not address.host:
        raise SettingsError("gateway is no address, expected http://HOST:PORT")
    return f"{address.scheme}://{address.netloc.decode()}"


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token; none for none."""
    return {"authorization": f"Bearer {token}"} if token else {}


class VerdictClient:
    """Asks about one version. Proxies are those of the environment; redirects are not followed.

    Args:
        gateway: Its address, such as http://suture-gateway:4318.
        environment: Where.
        service: Of what.
        version: Which.
        template: Hash of the pod template that is asked about; "" for any.
        release: Id of the deploy that is asked about, as `suture ci deploy` prints it; "" for the newest.
        until_asked: The gateway shall answer as well when a human is asked about the release.
        token: What is shown to a gateway that asks for one; "" for nothing.
        transport: How requests travel; None for the network.

    Raises:
        SettingsError: the address is none.
    """

    def __init__(
        self,
        gateway: str,
        environment: EnvironmentName,
        service: ServiceName,
        version: str,
        template: str = "",
        release: str = "",
        *,
        until_asked: bool = False,
        token: str = "",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._name = address_of(gateway)
        path = "/".join(quote(part, safe="") for part in (environment, service, version))
        self._url = f"{gateway.rstrip('/')}/v1/releases/{path}/verdict"
        self._template = template
        self._release = release
        self._until_asked = until_asked
        self._client = httpx.Client(transport=transport, headers=bearer(token))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, wait: timedelta) -> ReleaseVerdict:
        """Return what is held of the version.

        Args:
            wait: How long the gateway may wait for a settled verdict.

        Raises:
            NoAnswerError: the gateway cannot be reached, or answered with what is no verdict.
            SettingsError: it refused the question, and would again.
        """
        seconds = wait.total_seconds()
        asked = {"wait": f"{seconds:.3f}"}
        if self._template:
            asked["template"] = self._template
        if self._until_asked:
            asked["until"] = "held"
        try:
            answer = self._client.get(
                self._url, params=asked, timeout=httpx.Timeout(_PATIENCE_S, read=seconds + _PATIENCE_S)
            )
        except httpx.HTTPError as error:
            raise NoAnswerError(f"{self._name} does not answer: {type(error).__name__}") from error
        if 300 <= answer.status_code < 500 and answer.status_code not in _AGAIN:
            raise SettingsError(
                f"{self._name} answered {answer.status_code}, expected a verdict: is this Suture's gateway, "
                "are the names right, and does it ask for a token (SUTURE_TOKEN)?"
            )
        if answer.status_code != httpx.codes.OK:
            raise NoAnswerError(f"{self._name} answered {answer.status_code}")
        try:
            held = from_json(ReleaseVerdict, answer.content)
        except SchemaError as error:
            raise NoAnswerError(f"{self._name} answered what is no verdict") from error
        if not self._release or held.release in ("", self._release):
            return held
        # Right after a redeploy of a version the gateway may not have heard of it yet.
        because = f"the newest deploy of this version that is known is {held.release}"
        return unknown(held.environment, held.service, held.version, because)
