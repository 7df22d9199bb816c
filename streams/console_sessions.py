"""Sessions of the console: who is logged in, in a signed cookie that this process alone can make.

The key is drawn when the process begins: a restart logs everybody out, and a cookie of one gateway is
worth nothing at another. Every form carries a token that belongs to its session.

Sources: OWASP "Session Management" and "Cross-Site Request Forgery Prevention" cheat sheets; RFC 6265bis
(SameSite, HttpOnly).
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadData, Signer, TimestampSigner, URLSafeTimedSerializer

from streams.delivery_memory import DeliveryMemory

COOKIE = "suture_session"
LASTS = timedelta(hours=8)
"""How long somebody stays logged in. Longer leaves a forgotten browser of use for longer; shorter asks people
for their token in the middle of an incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who is logged in.

    Attributes:
        name: Whose token it was.
        may_answer: The token may answer holds.
        id: Drawn at the login.
    """

    name: str
    may_answer: bool
    id: str


class Sessions:
    """Makes sessions and knows them again.

    Args:
        now: The clock that they end by.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        key = secrets.token_bytes(32)

        class _Clocked(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(now().timestamp())

        self._now = now
        self._cookies = URLSafeTimedSerializer(key, salt="session", signer=_Clocked)
        self._forms = Signer(key, salt="form")
        self._ended = DeliveryMemory(LASTS)

    def begin(self, name: str, *, may_answer: bool) -> str:
        """Return the cookie of a new session."""
        cookie = self._cookies.dumps([name, may_answer, secrets.token_urlsafe(18)])
        return cookie if isinstance(cookie, str) else cookie.decode()

    def find(self, cookie: str | None) -> Session | None:
        """Return whose cookie it is; None for one that is not ours, is too old, or was logged out."""
        if not cookie:
            return None
        try:
            name, may_answer, drawn = self._cookies.loads(cookie, max_age=int(LASTS.total_seconds()))
        except BadData:
            return None
        if self._ended.knows(self._now(), drawn):
            return None
        return Session(name=name, may_answer=may_answer, id=drawn)

    def end(self, session: Session) -> None:
        """Forget a session: its cookie is worth nothing from here on."""
        self._ended.take(self._now(), session.id)

    def form_token(self, session: Session) -> str:
        """Return what every form of a session must send back."""
        return self._forms.get_signature(session.id).decode()

    def is_form_of(self, session: Session, token: str) -> bool:
        """Return whether a form is one of this session's own."""
        return self._forms.verify_signature(session.id, token.encode("utf-8", "replace"))
