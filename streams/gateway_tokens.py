"""Bearer tokens: whose they are, and what each may be used for.

Sources: RFC 6750 (bearer tokens and their challenges), RFC 7617 (Basic, whose password may be a token).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from schemas.errors import SettingsError
from streams.gateway_bodies import RefusedRequest

_SHORTEST_TOKEN = 16


class Scope(StrEnum):
    """What a token may be used for.

    READ: verdicts, releases and holds. DEPLOY: telling of deploys, and events. ANSWER: a human's answers.
    HOOKS: Flagger's hooks, whose token stands in a manifest.
    """

    READ = "read"
    DEPLOY = "deploy"
    ANSWER = "answer"
    HOOKS = "hooks"


EVERYTHING = frozenset(Scope)
USUAL = EVERYTHING - {Scope.HOOKS}
"""What a token of a person or a pipeline may do: one that opens hooks stands in a manifest, and says so."""

HOOKS_ALONE = frozenset({Scope.HOOKS})


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    scopes: frozenset[Scope]


class Tokens:
    """The names that tokens stand for, and what each may do.

    Only digests are kept, so that neither a dump nor the time of a comparison gives a token away.

    Args:
        listed: `name[+scope...]:token,...`; blanks around entries do not count; None or "" for none.
        variable: Where they are configured, for messages.
        usual: What a token may do that lists no scope.
        allowed: Scopes that may be listed here.

    Raises:
        SettingsError: an entry has no name or no token or an unknown scope, a token is short enough to
            guess, or one stands for two names.

    >>> tokens = Tokens("ci+read+deploy:0123456789abcdef,ann:fedcba9876543210")
    >>> tokens.allow(Scope.ANSWER), tokens.allow(Scope.HOOKS)
    (True, False)
    >>> tokens.name_for({"authorization": "Bearer 0123456789abcdef"}, Scope.DEPLOY)
    'ci'
    """

    def __init__(
        self,
        listed: str | None,
        variable: str = "SUTURE_TOKENS",
        *,
        usual: frozenset[Scope] = USUAL,
        allowed: frozenset[Scope] = EVERYTHING,
    ) -> None:
        self._variable = variable
        self._known: dict[bytes, _Known] = {}
        for place, entry in enumerate((listed or "").split(","), start=1):
            if not entry.strip():
                continue
            whose, colon, token = (part.strip() for part in entry.partition(":"))
            name, *scopes = (part.strip() for part in whose.split("+"))
            if not (name and colon and token):
                raise SettingsError(f"entry {place} of the tokens is malformed, expected name:token")
            if len(token) < _SHORTEST_TOKEN:
                raise SettingsError(
                    f"the token of {name} has {len(token)} characters, expected at least {_SHORTEST_TOKEN}"
                )
            if (found := self._known.get(_digest(token))) is not None:
                raise SettingsError(f"the token of {name} is also that of {found.name}")
            self._known[_digest(token)] = _Known(name, _scopes(name, scopes, allowed) or usual)

    def __bool__(self) -> bool:
        """Return whether there is any token."""
        return bool(self._known)

    def joined_by(self, others: "Tokens", scope: Scope) -> "Tokens":
        """Return these and, of others, those that may be used for one thing."""
        joined = Tokens(None, self._variable)
        joined._known = {
            digest: known for digest, known in others._known.items() if scope in known.scopes
        } | self._known
        return joined

    def allow(self, scope: Scope) -> bool:
        """Return whether any token may be used for it."""
        return any(scope in known.scopes for known in self._known.values())

    def name_for(
        self, headers: Mapping[str, str], scope: Scope = Scope.ANSWER, *, takes_basic: bool = False
    ) -> str:
        """Return whose token the request carries.

        Args:
            headers: Of the request.
            scope: What it wants.
            takes_basic: The password of Basic may be the token, for callers that know no other way.

        Raises:
            RefusedRequest: no token is configured (503), none is given (401), or one that is unknown or may
                not be used for this (403).
        """
        self._check_configured()
        token = _given(headers.get("authorization", ""), takes_basic=takes_basic)
        if not token:
            raise RefusedRequest(
                HTTPStatus.UNAUTHORIZED,
                "authorization is missing, expected a bearer token",
                challenge=_challenge(scope=scope),
            )
        return self.name_of(token, scope)

    def name_of(self, token: str, scope: Scope = Scope.ANSWER) -> str:
        """Return whose token it is.

        Raises:
            RefusedRequest: no token is configured (503), or it is unknown or may not be used for this (403).
        """
        self._check_configured()
        given = _digest(token)
        found: _Known | None = None
        for digest, known in self._known.items():
            if hmac.compare_digest(digest, given):
                found = known
        if found is None:
            raise RefusedRequest(
                HTTPStatus.FORBIDDEN, "token is not known", challenge=_challenge(error="invalid_token")
            )
        if scope not in found.scopes:
            raise RefusedRequest(
                HTTPStatus.FORBIDDEN,
                f"the token of {found.name} lacks scope {scope}",
                challenge=_challenge(error="insufficient_scope", scope=scope),
            )
        return found.name

    def _check_configured(self) -> None:
        if not self._known:
            raise RefusedRequest(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"no tokens are configured, expected {self._variable}=name:token,...",
            )


def _scopes(name: str, listed: list[str], allowed: frozenset[Scope]) -> frozenset[Scope]:
    known = {scope.value: scope for scope in Scope if scope in allowed}
    if any(scope not in known for scope in listed):
        raise SettingsError(f"a scope of the token of {name} is unknown, expected {', '.join(known)}")
    return frozenset(known[scope] for scope in listed)


def _given(authorization: str, *, takes_basic: bool) -> str:
    """Return the token of an `authorization` header; "" where it holds none.

    >>> [_given(one, takes_basic=True) for one in ("Bearer abc", "basic OmFiYw==", "Digest abc", "Basic !")]
    ['abc', 'abc', '', '']
    """
    scheme, _, given = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic" or not takes_basic:
        return ""
    try:
        decoded = base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[2]


def _challenge(*, error: str = "", scope: Scope | None = None) -> str:
    """Return what `www-authenticate` says.

    >>> _challenge(error="insufficient_scope", scope=Scope.READ)
    'Bearer realm="suture", error="insufficient_scope", scope="read"'
    """
    parts = [('error="%s"', error), ('scope="%s"', scope)]
    return ", ".join(['Bearer realm="suture"', *(form % value for form, value in parts if value)])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
