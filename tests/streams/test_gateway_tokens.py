"""Tokens and their scopes: who may ask, tell and answer at the gateway."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SettingsError
from streams.access_settings import AccessSettings, read_access_settings
from streams.gateway import create_app
from streams.gateway_bodies import RefusedRequest
from streams.gateway_tokens import HOOKS_ALONE, USUAL, Scope, Tokens
from streams.release_verdicts import ReleaseVerdicts
from tests.streams.gateway_socket import Nowhere

ALL, CI, WEB, ANN, FLAGGER = (letter * 20 for letter in "acwnf")
LISTED = f"all:{ALL}, ci+read + deploy:{CI},web+read:{WEB},ann+answer:{ANN},flagger+hooks:{FLAGGER}"
CLOSED = AccessSettings(read_open=False, deploy_open=False)
READ = ["/v1/releases", "/v1/holds", "/v1/releases/prod/cart/2/verdict", "/v1/releases/prod/cart/2"]
READ_BY_POST = ["/v1/watches", "/v1/watches/cancel", "/v1/keptn"]
DEPLOY = ["/v1/events", "/v1/deploys"]


def send(
    path: str, authorization: str = "", access: AccessSettings | None = CLOSED, listed: str = LISTED
) -> httpx.Response:
    method = "POST" if path in (*READ_BY_POST, *DEPLOY, "/v1/approvals") else "GET"

    async def work() -> httpx.Response:
        held = ReleaseVerdicts()
        held.is_current = True
        app = create_app(Nowhere(), listed, access=access, verdicts=held)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            headers = {"authorization": authorization} if authorization else {}
            return await client.request(method, path, headers=headers)

    return asyncio.run(work())


def is_refused(answer: httpx.Response) -> bool:
    return answer.status_code in (401, 403)


@pytest.mark.parametrize(
    ("paths", "allowed"),
    [
        ([*READ, *READ_BY_POST, "/api/v1/query?query=suture_verdict"], [ALL, CI, WEB]),
        (DEPLOY, [ALL, CI]),
        (["/v1/approvals"], [ALL, ANN]),
    ],
)
def test_a_token_opens_what_its_scopes_say_and_nothing_else(
    paths: Sequence[str], allowed: Sequence[str]
) -> None:
    for path in paths:
        opened = [
            token for token in (ALL, CI, WEB, ANN, FLAGGER) if not is_refused(send(path, f"Bearer {token}"))
        ]
        assert opened == list(allowed), path


@pytest.mark.parametrize("path", [*READ, *READ_BY_POST, *DEPLOY])
def test_a_closed_door_says_how_it_is_opened(path: str) -> None:
    scope = "deploy" if path in DEPLOY else "read"
    nobody, stranger, other = send(path), send(path, "Bearer " + "x" * 20), send(path, f"Bearer {ANN}")
    assert (nobody.status_code, stranger.status_code, other.status_code) == (401, 403, 403)
    assert nobody.headers["www-authenticate"] == f'Bearer realm="suture", scope="{scope}"'
    assert stranger.headers["www-authenticate"] == 'Bearer realm="suture", error="invalid_token"'
    wanted = f'Bearer realm="suture", error="insufficient_scope", scope="{scope}"'
    assert other.headers["www-authenticate"] == wanted
    assert other.json()["error"] == f"the token of ann lacks scope {scope}"


def test_both_doors_stand_open_unless_they_are_closed() -> None:
    for path in (*READ, *READ_BY_POST, *DEPLOY):
        assert not is_refused(send(path, access=None, listed=""))
        # A token that nobody asks for may be a proxy's.
        assert not is_refused(send(path, "Bearer of-somebody-else", access=None))
    assert send("/v1/approvals", access=None).status_code == 401


def test_telemetry_and_health_need_no_token() -> None:
    assert send("/healthz").status_code == 200
    assert send("/readyz").status_code == 200


def test_who_can_only_send_basic_sends_the_token_as_the_password_and_only_to_the_query() -> None:
    basic = "Basic " + base64.b64encode(f"keptn:{WEB}".encode()).decode()
    assert send("/api/v1/query?query=suture_verdict", basic).status_code == 200
    assert send("/v1/releases", basic).status_code == 401


@pytest.mark.parametrize("settings", [AccessSettings(read_open=False), AccessSettings(deploy_open=False)])
def test_a_door_that_no_token_opens_is_a_mistake(settings: AccessSettings) -> None:
    with pytest.raises(SettingsError, match="no token of SUTURE_TOKENS has scope"):
        create_app(Nowhere(), f"ann+answer:{ANN}", access=settings)


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        (f"ann+all:{ANN}", "expected read, deploy, answer, hooks"),
        (f"ann+:{ANN}", "a scope of the token of ann is unknown"),
        (f"+read:{ANN}", "entry 1 of the tokens is malformed"),
    ],
)
def test_a_list_with_a_scope_that_is_none_is_refused_without_a_token_in_the_message(
    listed: str, why: str
) -> None:
    with pytest.raises(SettingsError, match=why) as refused:
        Tokens(listed)
    assert ANN not in str(refused.value)


def test_tokens_of_hooks_open_hooks_alone() -> None:
    with pytest.raises(SettingsError, match="expected hooks"):
        Tokens(f"flagger+read:{FLAGGER}", usual=HOOKS_ALONE, allowed=HOOKS_ALONE)
    hooks = Tokens(f"canary:{'h' * 20}", usual=HOOKS_ALONE, allowed=HOOKS_ALONE)
    joined = hooks.joined_by(Tokens(LISTED), Scope.HOOKS)
    assert joined.name_of("h" * 20, Scope.HOOKS) == "canary"
    assert joined.name_of(FLAGGER, Scope.HOOKS) == "flagger"
    for other in (ALL, CI, ANN):
        with pytest.raises(RefusedRequest):
            joined.name_of(other, Scope.HOOKS)


@given(st.lists(st.sets(st.sampled_from(Scope)), max_size=5), st.sampled_from(Scope))
def test_a_token_may_do_what_is_listed_with_it_or_the_usual(scopes: list[set[Scope]], wanted: Scope) -> None:
    listed = [
        f"{'+'.join([f'n{place}', *sorted(one)])}:{str(place) * 16}" for place, one in enumerate(scopes)
    ]
    tokens = Tokens(",".join(listed))
    for place, one in enumerate(scopes):
        headers = {"authorization": f"bearer {str(place) * 16}"}
        if wanted in (one or USUAL):
            assert tokens.name_for(headers, wanted) == f"n{place}"
        else:
            with pytest.raises(RefusedRequest, match="lacks scope"):
                tokens.name_for(headers, wanted)
    assert tokens.allow(wanted) is any(wanted in (one or USUAL) for one in scopes)


@pytest.mark.parametrize(("text", "is_open"), [("", True), ("TRUE", True), ("no", False), ("0", False)])
def test_whether_a_door_is_open_is_read_from_the_environment(text: str, is_open: bool) -> None:
    found = read_access_settings({"SUTURE_READ_OPEN": text, "SUTURE_DEPLOY_OPEN": text})
    assert (found.read_open, found.deploy_open) == (is_open, is_open)


def test_the_token_that_is_shown_comes_from_a_variable_or_a_file_and_is_never_printed(tmp_path: Any) -> None:
    file = tmp_path / "token"
    file.write_text(f"{CI}\n", encoding="utf-8")
    for given_ in ({"SUTURE_TOKEN": CI}, {"SUTURE_TOKEN_FILE": str(file)}):
        found = read_access_settings(given_)
        assert (found.token, CI in repr(found)) == (CI, False)


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        ({"SUTURE_READ_OPEN": "maybe"}, "SUTURE_READ_OPEN is 'maybe', expected true or false"),
        ({"SUTURE_TOKEN": "käse"}, "SUTURE_TOKEN holds"),
        ({"SUTURE_TOKEN": "a b"}, "SUTURE_TOKEN holds"),
        ({"SUTURE_TOKEN_FILE": "/nowhere"}, "SUTURE_TOKEN_FILE names /nowhere"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(given_: dict[str, str], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        read_access_settings(given_)
