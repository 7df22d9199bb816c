"""The console: pages on which people see what waits for them and what became of releases, and answer.

Made on the server from what the gateway has read of the public topics; no script runs in it. Whoever has a
token of `SUTURE_TOKENS` may log in; what may be answered with it is that token's scopes to say, and whose
answer counts the gate's.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from http import HTTPStatus
from importlib import resources
from itertools import islice
from typing import Any

import jinja2
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from schemas.codec import from_python
from schemas.errors import SchemaError
from schemas.observations import Answer
from streams.console_forms import read_form
from streams.console_sessions import COOKIE, LASTS, Session, Sessions
from streams.gateway_answers import Answers, ApprovalRequest
from streams.gateway_bodies import RefusedRequest
from streams.gateway_tokens import Scope, Tokens
from streams.hold_text import question, rows_of
from streams.release_answers import summary
from streams.release_verdicts import ReleaseVerdicts

_RELEASES = 25
_HOLDS = 100
_FIELDS = frozenset({"form", "hold", "answer", "why", "to"})
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    # Not `no-referrer`: a form would then say that its origin is `null`.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_NOTICES = {
    "sent": "Your answer is on its way to the gate. Load the page again to see what became of it.",
    "repeated": "You gave this answer before; it was not sent twice.",
    "over": "That question is over: it was answered, withdrawn, or nobody answered in time.",
}


def add_console_routes(
    app: FastAPI,
    held: ReleaseVerdicts,
    answers: Answers,
    tokens: Tokens,
    now: Callable[[], datetime],
) -> None:
    """Add the console's pages.

    Args:
        app: To what.
        held: What is known of releases and holds.
        answers: Where answers go.
        tokens: Who may log in, and answer.
        now: The clock that sessions and deadlines are held against.
    """
    console = _Console(held, answers, tokens, now)
    pages: tuple[tuple[str, str, Callable[..., Any]], ...] = (
        ("GET", "/console", console.home),
        ("GET", "/console/login", console.login_page),
        ("GET", "/console/style.css", console.style),
        ("POST", "/console/login", console.login),
        ("POST", "/console/logout", console.logout),
        ("POST", "/console/answers", console.answer),
    )
    for method, path, endpoint in pages:
        # They are for people: what programs may rely on is in the document of `/v1`.
        app.add_api_route(path, endpoint, methods=[method], include_in_schema=False)


class _Console:
    """The pages, with what they share."""

    def __init__(
        self, held: ReleaseVerdicts, answers: Answers, tokens: Tokens, now: Callable[[], datetime]
    ) -> None:
        self._held = held
        self._answers = answers
        self._tokens = tokens
        self._now = now
        self._sessions = Sessions(now)

    async def home(self, request: Request) -> Response:
        """Show what waits, and the newest releases."""
        session = self._session(request)
        if session is None:
            return _to("/console/login")
        now, board = self._now(), self._held.board
        waiting = board.holds()
        return _page(
            "home.html",
            session=session,
            form_token=self._sessions.form_token(session),
            notice=_NOTICES.get(request.query_params.get("said", ""), ""),
            is_current=self._held.is_current,
            now=now,
            hold_count=len(waiting),
            holds=[
                {
                    "held": one,
                    "question": question(one),
                    "rows": rows_of(one, board.changes_of(one.id), now),
                    "people": _people(one.asked.approvers + one.asked.escalates_to) if one.asked else (),
                }
                for one in waiting[:_HOLDS]
            ],
            releases=[
                summary(one, board.holds_of(one.release.id))
                for one in islice(board.newest_first(), _RELEASES)
            ],
        )

    async def login_page(self, request: Request) -> Response:
        """Ask for a token."""
        return _to("/console") if self._session(request) else _page("login.html", problem="")

    async def login(self, request: Request) -> Response:
        """Begin a session for whoever has a token."""
        try:
            token = (await read_form(request)).get("token", "").strip()
            name, may_answer = self._who(token)
        except RefusedRequest as refusal:
            return _page("login.html", refusal.status, problem=refusal.message)
        answer = _to("/console")
        answer.set_cookie(
            COOKIE,
            self._sessions.begin(name, may_answer=may_answer),
            max_age=int(LASTS.total_seconds()),
            path="/console",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    async def logout(self, request: Request) -> Response:
        """End a session."""
        try:
            session, _ = await self._own_form(request)
        except RefusedRequest as refusal:
            return _problem(refusal)
        self._sessions.end(session)
        answer = _to("/console/login")
        answer.delete_cookie(COOKIE, path="/console", httponly=True, samesite="strict")
        return answer

    async def answer(self, request: Request) -> Response:
        """Send a human's answer to the gate."""
        try:
            session, form = await self._own_form(request)
            said = await self._give(session, form)
        except RefusedRequest as refusal:
            return _problem(refusal)
        return _to(f"/console?said={said}")

    async def style(self) -> Response:
        """Return the style sheet."""
        return Response(_style(), media_type="text/css", headers={**_HEADERS, "cache-control": "max-age=300"})

    async def _give(self, session: Session, form: dict[str, str]) -> str:
        """Send an answer; return which notice tells of it.

        Raises:
            RefusedRequest: the session may not answer (403), the form says what it may not (400), or Kafka
                does not take the answer (503).
        """
        if not session.may_answer:
            raise RefusedRequest(
                HTTPStatus.FORBIDDEN, f"the token of {session.name} lacks scope {Scope.ANSWER}"
            )
        waiting = self._held.board.find_hold(form.get("hold", ""))
        if waiting is None:
            return "over"
        if form.keys() - _FIELDS:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, "form has a field that is unknown")
        fields = {name: form.get(name, "").strip() for name in ("answer", "why", "to")}
        if fields["answer"] != Answer.HAND_OVER:
            fields["to"] = ""
        try:
            asked = from_python(
                ApprovalRequest, {"hold": waiting.id, "environment": waiting.environment, **fields}
            )
            is_new = await self._answers.give(asked, session.name, "console")
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
        return "sent" if is_new else "repeated"

    async def _own_form(self, request: Request) -> tuple[Session, dict[str, str]]:
        """Return who is logged in and the form that one of their pages sent.

        Raises:
            RefusedRequest: nobody is (401), or it is not one of theirs (403, and as `read_form`).
        """
        form = await read_form(request)
        session = self._session(request)
        if session is None:
            raise RefusedRequest(HTTPStatus.UNAUTHORIZED, "you are logged out, log in and answer again")
        if not self._sessions.is_form_of(session, form.get("form", "")):
            raise RefusedRequest(HTTPStatus.FORBIDDEN, "the form is not of this login, load the page again")
        return session, form

    def _session(self, request: Request) -> Session | None:
        return self._sessions.find(request.cookies.get(COOKIE))

    def _who(self, token: str) -> tuple[str, bool]:
        """Return whose token it is, and whether it may answer.

        Raises:
            RefusedRequest: none is configured (503), or it is unknown or may neither answer nor read (403).
        """
        try:
            return self._tokens.name_of(token, Scope.ANSWER), True
        except RefusedRequest as refusal:
            if refusal.status is not HTTPStatus.FORBIDDEN:
                raise
            return self._tokens.name_of(token, Scope.READ), False


def _people(asked: tuple[str, ...]) -> tuple[str, ...]:
    """Return the people among those whom a question asks; a group can be handed nothing."""
    return tuple(dict.fromkeys(name for name in asked if not name.startswith("group:")))


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("streams", "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> str:
    return resources.files("streams.pages").joinpath("style.css").read_text(encoding="utf-8")


def _page(template: str, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Response:
    return HTMLResponse(_templates().get_template(template).render(values), status, _HEADERS)


def _problem(refusal: RefusedRequest) -> Response:
    return _page("problem.html", refusal.status, problem=refusal.message)


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, _HEADERS)
