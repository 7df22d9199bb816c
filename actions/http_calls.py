"""Requests that the installation lists: sent once a command, and asked after until their work is done."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from actions.actuator import Progress
from actions.errors import PermanentActionError, RefusedActionError, TransientActionError
from actions.fence import require_open
from actions.http_door import Answer, HttpDoor, LostAnswerError, found_at
from actions.run_folders import Begun, Ended, RunFolder
from actions.runbook_calls import facts, listed
from actions.runbook_list import PLACEHOLDER, HttpEntry, Poll
from actions.runbook_sources import read_sources
from schemas.keys import NO_TEMPLATE
from schemas.orders import Command
from schemas.redaction import redact

IDEMPOTENCY_KEY = "Idempotency-Key"
"""Header by which a server knows a request that comes again (draft-ietf-httpapi-idempotency-key-header)."""


class HttpCalls:
    """Sends listed requests.

    A request whose answer was lost is sent again, under the same Idempotency-Key, only where the method or
    the list says that this does no harm.

    Args:
        entries: Requests by name.
        root: Folder of the runs.
        clock: Returns the present instant, aware.
    """

    def __init__(self, entries: Mapping[str, HttpEntry], root: Path, clock: Callable[[], datetime]) -> None:
        self._entries, self._root, self._clock = entries, root, clock

    def read_back(self, command: Command) -> Progress:
        """Return whether the request was taken, and whether its work is done."""
        entry, arguments = listed(self._entries, command)
        folder = RunFolder(self._root, command.id)
        ended, begun = folder.ended(), folder.begun()
        if ended is not None:
            return _ended(ended)
        if begun is None:
            return _open(f"{_what(command)} was not sent")
        if not begun.reference:
            return self._lost(command, entry, folder, begun)
        if entry.poll is None:
            ended = Ended(is_good=True, detail=f"{_what(command)} was taken")
            folder.end(ended)
            return _ended(ended)
        return self._polled(command, entry, entry.poll, arguments, begun.reference.removeprefix("taken:"))

    def carry_out(self, command: Command) -> str:
        """Send the request.

        Raises:
            PermanentActionError: its answer is not one of those expected.
            TransientActionError: it may be sent again.
        """
        entry, arguments = listed(self._entries, command)
        what = _what(command)
        method, url, body = _request(command, entry, arguments)
        folder = RunFolder(self._root, command.id)
        with self._door(what, entry) as door:
            is_first = folder.begun() is None
            require_open()
            folder.begin(what, self._clock())
            try:
                answer = door.ask(what, method, url, body, **{IDEMPOTENCY_KEY: command.id})
            except LostAnswerError as error:
                if entry.may_repeat:
                    raise
                ended = Ended(is_good=False, detail=f"{error}: nobody knows whether it took effect")
                folder.end(ended)
                raise PermanentActionError(ended.detail) from error
            except TransientActionError:
                if is_first:
                    # It never arrived, or was turned away: nothing is open about it.
                    folder.forget()
                raise
        if answer.status not in entry.expect:
            ended = Ended(is_good=False, detail=f"{what}: {_told(answer)}, expected {_any(entry.expect)}")
            folder.end(ended)
            raise PermanentActionError(ended.detail)
        begun = folder.begun()
        assert begun is not None, "it was begun above"
        folder.refer(begun, f"taken:{_work(what, entry.poll, answer)}")
        return f"{what}: HTTP {answer.status}"

    def rehearse(self, command: Command) -> str:
        """Check everything that the request would need, and send nothing."""
        entry, arguments = listed(self._entries, command)
        method, _, _ = _request(command, entry, arguments)
        with self._door(_what(command), entry):
            return f"{method} to {entry.url} with {', '.join(arguments) or 'no arguments'}"

    def _door(self, what: str, entry: HttpEntry) -> HttpDoor:
        return HttpDoor(read_sources(what, entry.headers), entry.timeout_s, entry.certificates)

    def _lost(self, command: Command, entry: HttpEntry, folder: RunFolder, begun: Begun) -> Progress:
        cut = f"{_what(command)} was begun at {begun.at} and its answer lost"
        if entry.may_repeat:
            return _open(cut, is_begun=True)
        ended = Ended(is_good=False, detail=f"{cut}: nobody knows whether it took effect")
        folder.end(ended)
        raise PermanentActionError(ended.detail)

    def _polled(
        self, command: Command, entry: HttpEntry, poll: Poll, arguments: Mapping[str, str], work: str
    ) -> Progress:
        what = _what(command)
        url = _filled(poll.url, {**_known(command, entry, arguments), "id": work})
        with self._door(what, entry) as door:
            answer = door.ask(what, "GET", url)
        if answer.status >= 400:
            raise PermanentActionError(f"{what}: asked after, {_told(answer)}")
        status = found_at(answer.body, poll.path)
        shown = "nothing" if status is None else redact(status)
        folder = RunFolder(self._root, command.id)
        if status in poll.succeeded or status in poll.failed:
            ended = Ended(is_good=status in poll.succeeded, detail=f"{what} ended as {shown}")
            folder.end(ended)
            return _ended(ended)
        return Progress(
            is_set=True,
            is_done=False,
            template=NO_TEMPLATE,
            detail=f"{what} says {shown}, expected {_any((*poll.succeeded, *poll.failed))}",
            look_again_s=poll.every_s,
        )


def _request(command: Command, entry: HttpEntry, arguments: Mapping[str, str]) -> tuple[str, str, Any]:
    known = _known(command, entry, arguments)
    return entry.method, _filled(entry.url, known), _in_body(entry.body, known)


def _known(command: Command, entry: HttpEntry, arguments: Mapping[str, str]) -> dict[str, str]:
    """Return what placeholders stand for; an argument that was not given is empty."""
    return {**dict.fromkeys(entry.arguments, ""), **facts(command), **arguments}


def _filled(url: str, known: Mapping[str, str]) -> str:
    """Return a URL with its arguments quoted: none of them can end a part of it or climb out of one."""
    for name in PLACEHOLDER.findall(url):
        if known[name] in (".", ".."):
            raise RefusedActionError(f"argument {name} is {known[name]}, which is no name in a URL")
    return PLACEHOLDER.sub(lambda match: quote(known[match[1]], safe=""), url)


def _in_body(body: Any, known: Mapping[str, str]) -> Any:
    if isinstance(body, str):
        return PLACEHOLDER.sub(lambda match: known[match[1]], body)
    if isinstance(body, dict):
        return {key: _in_body(value, known) for key, value in body.items()}
    if isinstance(body, list):
        return [_in_body(value, known) for value in body]
    return body


def _work(what: str, poll: Poll | None, answer: Answer) -> str:
    """Return what the server calls the work that it took on; "" where nobody asks after it by name."""
    if poll is None or not poll.id:
        return ""
    work = found_at(answer.body, poll.id)
    if not work or work in (".", ".."):
        raise PermanentActionError(f"{what}: the answer has no {poll.id}, by which its work is asked after")
    return work


def _ended(ended: Ended) -> Progress:
    if not ended.is_good:
        raise PermanentActionError(ended.detail)
    return Progress(is_set=True, is_done=True, template=NO_TEMPLATE, detail=ended.detail)


def _open(detail: str, *, is_begun: bool = False) -> Progress:
    return Progress(is_set=False, is_done=False, template=NO_TEMPLATE, detail=detail, is_begun=is_begun)


def _told(answer: Answer) -> str:
    """Return an answer's status and the sentence that servers put into their errors."""
    said = next((said for key in ("message", "error", "detail") if (said := found_at(answer.body, key))), "")
    return f"HTTP {answer.status}{': ' if said else ''}{redact(said)}"


def _any(values: tuple[object, ...]) -> str:
    return " or ".join(map(str, values))


def _what(command: Command) -> str:
    assert command.runbook is not None, "a command of these kinds names a runbook"
    return f"request {command.runbook.name}"
