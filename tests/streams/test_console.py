"""The console through the gateway's real application: who sees it, what it shows, what it lets people do."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.approvals import HoldChange
from schemas.observation_messages import read_observation
from schemas.observations import Answer, Approval, LogPosition
from schemas.orders import Held
from streams.gateway import create_app
from streams.gateway_publishing import PublishError
from streams.hold_text import deadline, plain, question, rows_of
from streams.release_board import ReleaseBoard
from streams.release_verdicts import ReleaseVerdicts
from tests.builders import a_release
from tests.streams.held_questions import HELD, NOW, changed, renamed

TOKEN, READER, TELLER = "a-token-of-ann-s", "a-token-that-may-read", "a-token-that-may-tell"
TOKENS = f"ann:{TOKEN},rob+read:{READER},ci+deploy:{TELLER}"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "</title></textarea><svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% include 'x' %}",
    "&lt;b&gt; &#60;script&#62;",
    "javascript:alert(1)",
    "\u202eevorppa",
)


class Site:
    """A gateway that knows of questions, a browser's cookies, and the answers that were published."""

    def __init__(self, *held: Held, tokens: str | None = TOKENS) -> None:
        self.now = NOW
        self.fails = False
        self.scheme = "http"
        self.answers: list[Approval] = []
        self.verdicts = ReleaseVerdicts(board=ReleaseBoard(now=lambda: self.now))
        self.verdicts.learn(a_release("cart", "prod", "1.4.2", at=NOW))
        for one in held:
            self.verdicts.learn(one)
        self.verdicts.is_current = True
        self._app = create_app(self, tokens, verdicts=self.verdicts, now=lambda: self.now)
        self.cookies = httpx.Cookies()

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        if self.fails:
            raise PublishError("no broker")
        body = read_observation(LogPosition(topic=topic, partition=0, offset=0), key, value, headers).body
        assert isinstance(body, Approval)
        self.answers.append(body)

    def get(self, path: str = "/console") -> httpx.Response:
        return self._send("GET", path)

    def post(
        self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self._send("POST", path, urlencode(fields), {**kind, **(headers or {})})

    def log_in(self, token: str = TOKEN) -> httpx.Response:
        return self.post("/console/login", {"token": token})

    @property
    def form(self) -> str:
        """Return what the page's forms send back."""
        found = re.search(r'name="form" value="([^"]+)"', self.get().text)
        assert found is not None
        return found.group(1)

    def answer(self, **fields: str) -> httpx.Response:
        return self.post(
            "/console/answers", {"form": self.form, "hold": HELD.id, "answer": "approve"} | fields
        )

    def _send(
        self, method: str, path: str, content: str = "", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        async def work() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(
                transport=transport, base_url=f"{self.scheme}://gateway", cookies=self.cookies
            ) as client:
                answer = await client.request(method, path, content=content, headers=headers)
                self.cookies = client.cookies
                return answer

        return asyncio.run(work())


class Page(HTMLParser):
    """What a browser makes of a page: its elements with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_nobody_sees_anything_before_they_log_in() -> None:
    site = Site(HELD)
    answer = site.get()
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/login")
    assert "cart" not in answer.text + site.get("/console/login").text
    assert site.post("/console/answers", {"hold": HELD.id, "answer": "approve"}).status_code == 401
    assert site.answers == []


def test_a_token_logs_in_and_its_cookie_is_for_the_console_alone() -> None:
    site = Site(HELD)
    answer = site.log_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/console", "max-age=28800"))
    assert TOKEN not in cookie
    assert site.get().status_code == 200


@pytest.mark.parametrize(("scheme", "is_secure"), [("http", False), ("https", True)])
def test_a_login_over_tls_is_never_sent_without(scheme: str, is_secure: bool) -> None:
    site = Site(HELD)
    site.scheme = scheme
    assert ("secure" in site.log_in().headers["set-cookie"].lower().split("; ")) == is_secure


@pytest.mark.parametrize(
    ("token", "status"), [("", 403), ("a-token-of-nobody's", 403), (TELLER, 403), ("\udce9", 403)]
)
def test_who_may_neither_answer_nor_read_is_not_let_in(token: str, status: int) -> None:
    site = Site(HELD)
    answer = site.post("/console/login", {"token": token.encode("utf-8", "replace").decode()})
    assert answer.status_code == status
    assert "set-cookie" not in answer.headers
    assert 'role="alert"' in answer.text
    assert site.get().status_code == 303


def test_without_tokens_the_login_says_what_is_missing() -> None:
    answer = Site(HELD, tokens=None).log_in()
    assert answer.status_code == 503
    assert "SUTURE_TOKENS" in answer.text


def test_a_question_is_shown_whole() -> None:
    site = Site(HELD)
    site.verdicts.learn(changed(HoldChange.AGREED, 40, "1 of 2 approvals: ada via slack"))
    site.log_in()
    page = Page(site.get().text)
    assert HELD.brief is not None
    for line in (*HELD.brief.signals, *HELD.brief.suspects, HELD.brief.certainty, HELD.brief.against):
        assert line in page.text
    assert "2 of them must approve" in page.text
    assert "1 of 2 approvals: ada via slack" in page.text
    assert "2026-11-20 14:30:05 UTC, in 30 min" in page.text
    assert "1.4.2" in page.text


@pytest.mark.parametrize("answer", ["approve", "reject"])
def test_an_answer_goes_to_the_gate_under_the_name_of_its_token(answer: str) -> None:
    site = Site(HELD)
    site.log_in()
    sent = site.answer(answer=answer, why="seen it")
    assert (sent.status_code, sent.headers["location"]) == (303, "/console?said=sent")
    (said,) = site.answers
    assert said == Approval(
        environment=HELD.environment,
        hold=HELD.id,
        answer=Answer(answer),
        by="ann",
        channel="console",
        at=NOW,
        why="seen it",
    )
    assert "on its way" in site.get("/console?said=sent").text


def test_a_question_is_handed_over_by_name() -> None:
    site = Site(HELD)
    site.log_in()
    site.answer(answer="hand_over", to="ben")
    assert [(said.answer, said.to) for said in site.answers] == [(Answer.HAND_OVER, "ben")]
    assert site.answer(answer="hand_over", to="").status_code == 400


def test_a_click_that_comes_twice_is_one_answer() -> None:
    site = Site(HELD)
    site.log_in()
    site.answer()
    assert site.answer().headers["location"] == "/console?said=repeated"
    assert len(site.answers) == 1


def test_a_question_that_is_over_is_not_answered() -> None:
    site = Site(HELD)
    site.log_in()
    form = site.form
    site.verdicts.learn(changed(HoldChange.WITHDRAWN))
    late = site.post("/console/answers", {"form": form, "hold": HELD.id, "answer": "approve"})
    assert late.headers["location"] == "/console?said=over"
    assert "Nothing waits" in site.get().text
    assert site.answers == []


def test_a_token_that_may_only_read_sees_no_buttons_and_answers_nothing() -> None:
    site = Site(HELD)
    site.log_in(READER)
    assert "approve" not in {attributes.get("value") for _, attributes in Page(site.get().text).elements}
    assert site.answer().status_code == 403
    assert site.answers == []


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
    ],
)
def test_a_form_that_another_site_sends_does_nothing(headers: dict[str, str]) -> None:
    site = Site(HELD)
    assert site.post("/console/login", {"token": TOKEN}, headers).status_code == 403
    site.log_in()
    fields = {"form": site.form, "hold": HELD.id, "answer": "approve"}
    assert site.post("/console/answers", fields, headers).status_code == 403
    assert site.post("/console/logout", fields, headers).status_code == 403
    assert site.answers == []
    assert site.post("/console/answers", fields, {"origin": "http://gateway"}).status_code == 303


@pytest.mark.parametrize("form", ["", "x", "é"])
def test_a_form_without_its_sessions_token_does_nothing(form: str) -> None:
    site = Site(HELD)
    site.log_in()
    assert site.answer(form=form).status_code == 403
    theirs = Site(HELD)
    theirs.log_in()
    assert site.answer(form=theirs.form).status_code == 403
    assert site.answers == []


def test_a_cookie_is_worth_nothing_elsewhere_later_or_after_the_logout() -> None:
    site, other = Site(HELD), Site(HELD)
    site.log_in()
    other.cookies = site.cookies
    assert other.get().status_code == 303
    form, cookies = site.form, httpx.Cookies(site.cookies)
    site.now += timedelta(hours=8, seconds=1)
    assert site.get().status_code == 303
    site.now = NOW
    assert site.post("/console/logout", {"form": form}).headers["location"] == "/console/login"
    site.cookies = cookies
    assert site.get().status_code == 303


def test_two_logins_of_one_token_do_not_share_their_forms() -> None:
    site = Site(HELD)
    site.log_in()
    first = site.form
    site.log_in()
    assert site.answer(form=first).status_code == 403


def test_every_page_forbids_scripts_frames_and_foreign_parts() -> None:
    site = Site(HELD)
    site.log_in()
    for path in ("/console", "/console/login", "/console/style.css"):
        headers = site.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
    page = Page(site.get().text)
    assert not any(tag in ("script", "style", "img", "iframe") for tag, _ in page.elements)
    assert not any("style" in attributes for _, attributes in page.elements)
    links = [attributes.get("href") or attributes.get("action") for _, attributes in page.elements]
    assert all(link.startswith("/console") for link in links if link)


def _is_harmless(site: Site) -> None:
    page = Page(site.get().text)
    tags = {tag for tag, _ in page.elements}
    assert tags <= {
        "html", "head", "meta", "title", "link", "body", "header", "p", "a", "form", "input", "span", "bdi",
        "button", "main", "section", "div", "h1", "h2", "article", "dl", "dt", "dd", "code", "label",
        "details", "summary", "datalist", "option", "table", "thead", "tbody", "tr", "th", "td", "b",
    }  # fmt: skip
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name.startswith("on")}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_shown_as_the_text_that_it_is(name: str) -> None:
    site = Site(renamed(name))
    site.log_in()
    _is_harmless(site)
    page = Page(site.get().text)
    assert plain(name) in page.text
    people = [attributes["value"] for tag, attributes in page.elements if tag == "option"]
    assert people == [name]


@settings(deadline=None, max_examples=40)
@given(st.text(min_size=1, max_size=40))
def test_no_text_becomes_a_part_of_the_page(name: str) -> None:
    site = Site(renamed(name))
    site.log_in()
    _is_harmless(site)


def test_what_cannot_be_read_or_sent_is_said_on_the_page() -> None:
    site = Site(HELD)
    site.log_in()
    site.verdicts.is_current = False
    assert "may be out of date" in site.get().text
    site.fails = True
    refused = site.answer()
    assert refused.status_code == 503
    assert "Kafka did not take" in refused.text
    site.fails = False
    assert site.answer().headers["location"] == "/console?said=sent"


def test_every_field_has_a_label_and_every_part_a_name() -> None:
    site = Site(HELD, replace(HELD, id="another"))
    site.log_in()
    elements = Page(site.get().text).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {attributes.get("for") for tag, attributes in elements if tag == "label"}
    fields = [
        attributes for tag, attributes in elements if tag == "input" and attributes.get("type") != "hidden"
    ]
    assert fields
    assert all(attributes["id"] in labelled for attributes in fields)
    named = {attributes["aria-labelledby"] for _, attributes in elements if "aria-labelledby" in attributes}
    assert named <= set(ids)
    assert elements[0] == ("html", {"lang": "en"})


def _contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, as WCAG 2.2 defines it."""

    def luminance(colour: str) -> float:
        colour = colour if len(colour) == 7 else "#" + "".join(digit * 2 for digit in colour[1:])
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_stands_out_from_what_is_behind_it() -> None:
    style = Site().get("/console/style.css").text
    colours = dict(re.findall(r"--(\w+): (#\w+);", style))
    for ink in ("ink", "soft", "main"):
        for ground in ("ground", "card"):
            assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    badges = re.findall(r"\.verdict\.\S+ ?.*?\{ background: (#\w+); color: (#\w+);", style)
    assert len(badges) == 3
    assert all(_contrast(ground, ink) >= 4.5 for ground, ink in badges)


def test_a_question_in_words_leaves_out_what_nobody_said() -> None:
    bare = replace(HELD, brief=None, asked=None, expires_at=None)
    assert question(bare) == bare.reason
    assert [title for title, _ in rows_of(bare, (), NOW)] == ["Waits because"]


@pytest.mark.parametrize(
    ("left", "words"),
    [(timedelta(hours=2, minutes=5), "in 2 h 5 min"), (timedelta(seconds=40), "less than a minute"),
     (timedelta(0), "which is over")],
)  # fmt: skip
def test_a_deadline_says_how_long_is_left(left: timedelta, words: str) -> None:
    moment: datetime = NOW
    assert words in deadline(moment + left, moment)
