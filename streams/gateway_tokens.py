"""Bearer tokens: who may answer for a human, known by name."""

import hashlib
import hmac
from collections.abc import Mapping
from http import HTTPStatus

from schemas.errors import SettingsError
from streams.gateway_bodies import RefusedRequest

_SHORTEST_TOKEN = 16


class Tokens:
    """The names that tokens stand for.

    Only digests are kept, so that neither a dump nor the time of a comparison gives a token away.

    Args:
        listed: `name:token,...`; blanks around entries do not count; None or "" for none.
        variable: Where they are configured, for messages.

    Raises:
        SettingsError: an entry has no name or no token, a token is short enough to guess, or one
            stands for two names.
    """

    def __init__(self, listed: str | None, variable: str = "SUTURE_TOKENS") -> None:
        self._variable = variable
        self._names: dict[bytes, str] = {}
        for place, entry in enumerate((listed or "").split(","), start=1):
            if not entry.strip():
                continue
            name, colon, token = (part.strip() for part in entry.partition(":"))
            if not (name and colon and token):
                raise SettingsError(f"entry {place} of the tokens is malformed, expected name:token")
            if len(token) < _SHORTEST_TOKEN:
                raise SettingsError(
                    f"the token of {name} has {len(token)} characters, expected at least {_SHORTEST_TOKEN}"
                )
            if _digest(token) in self._names:
                raise SettingsError(f"the token of {name} is also that of {self._names[_digest(token)]}")
            self._names[_digest(token)] = name

    def __bool__(self) -> bool:
        """Return whether there is any token."""
        return bool(self._names)

    def name_for(self, headers: Mapping[str, str]) -> str:
        """Return whose token the request carries.

        Raises:
            RefusedRequest: no token is configured (503), none is given (401), or an unknown one (403).
        """
        self._check_configured()
        scheme, _, token = headers.get("authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise RefusedRequest(HTTPStatus.UNAUTHORIZED, "authorization is missing, expected a bearer token")
        return self.name_of(token.strip())

    def name_of(self, token: str) -> str:
        """Return whose token it is.

        Raises:
            RefusedRequest: no token is configured (503), or it is an unknown one (403).
        """
        self._check_configured()
        given = _digest(token)
        found = ""
        for known, name in self._names.items():
            if hmac.compare_digest(known, given):
                found = name
        if not found:
            raise RefusedRequest(HTTPStatus.FORBIDDEN, "token is not known")
        return found

    def _check_configured(self) -> None:
        if not self._names:
            raise RefusedRequest(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"no tokens are configured, expected {self._variable}=name:token,...",
            )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
