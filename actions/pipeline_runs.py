"""Pipelines of Spinnaker that the installation lists: started through Gate, once, and watched to their end.

Gate's requests are those of its API reference (spinnaker.io, "Spinnaker Gate API"): `POST
/pipelines/{application}/{pipeline}` answers 202 with `{"ref": "/pipelines/<execution>"}`, `GET
/pipelines/{execution}` the execution, `GET /applications/{application}/pipelines` the last ones of an
application. Statuses, and what a correlation id does, are those of Orca 8.56.0 (`ExecutionStatus`,
`ExecutionLauncher.checkForCorrelatedExecution`): a repeat under the id is answered with the execution that
is under way, but the id of one that ended is forgotten, and would start another. So the application's
executions are searched for the id before anything is started.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from actions.actuator import Progress
from actions.child_programs import LAST_LINES
from actions.errors import PermanentActionError
from actions.fence import require_open
from actions.http_door import Answer, HttpDoor, found_at
from actions.run_folders import Ended, RunFolder
from actions.runbook_calls import listed
from actions.runbook_list import PipelineEntry
from actions.runbook_sources import read_sources
from schemas.keys import NO_TEMPLATE
from schemas.orders import Command
from schemas.redaction import redact

_GOOD = ("SUCCEEDED",)
_BAD = ("TERMINAL", "CANCELED", "STOPPED", "FAILED_CONTINUE", "SKIPPED")
_LAST_EXECUTIONS = 50
_LOOK_AGAIN_S = 2.0


class Pipelines:
    """Runs listed pipelines.

    Args:
        entries: Pipelines by `application/pipeline`.
        root: Folder of the runs.
        clock: Returns the present instant, aware.
    """

    def __init__(
        self, entries: Mapping[str, PipelineEntry], root: Path, clock: Callable[[], datetime]
    ) -> None:
        self._entries, self._root, self._clock = entries, root, clock

    def read_back(self, command: Command) -> Progress:
        """Return how far the pipeline's execution is."""
        entry, _ = listed(self._entries, command)
        what, folder = _what(command), RunFolder(self._root, command.id)
        ended, begun = folder.ended(), folder.begun()
        if ended is not None:
            return _ended(ended)
        if begun is None or not begun.reference:
            is_begun = begun is not None
            detail = f"{what} was begun, by which execution is not known" if is_begun else "it was not begun"
            return Progress(
                is_set=False, is_done=False, template=NO_TEMPLATE, detail=detail, is_begun=is_begun
            )
        with self._door(what, entry) as door:
            answer = door.ask(what, "GET", f"{_base(entry)}/pipelines/{quote(begun.reference, safe='')}")
        _require(what, answer)
        status = found_at(answer.body, "status") or "nothing"
        place = f"{what}, execution {begun.reference}"
        if status in (*_GOOD, *_BAD):
            detail = f"{place}: {status}"
            ended = Ended(is_good=status in _GOOD, detail=detail, log_tail=_messages(answer.body))
            folder.end(ended)
            return _ended(ended)
        return Progress(
            is_set=True,
            is_done=False,
            template=NO_TEMPLATE,
            detail=f"{place}: {redact(status)}",
            look_again_s=_LOOK_AGAIN_S,
        )

    def carry_out(self, command: Command) -> str:
        """Start the pipeline unless an execution of this command is there.

        Raises:
            PermanentActionError: Gate does not take it.
            TransientActionError: Gate cannot be reached, or its answer was lost.
        """
        entry, arguments = listed(self._entries, command)
        what, folder = _what(command), RunFolder(self._root, command.id)
        application, pipeline = _named(command)
        with self._door(what, entry) as door:
            folder.begin(what, self._clock())
            execution = self._known(door, entry, command, application)
            if not execution:
                url = f"{_base(entry)}/pipelines/{quote(application, safe='')}/{quote(pipeline, safe='')}"
                require_open()
                trigger = {"type": "manual", "correlationId": command.id, "parameters": arguments}
                answer = door.ask(what, "POST", url, trigger)
                _require(what, answer)
                execution = (found_at(answer.body, "ref") or "").rpartition("/")[2]
            if not execution:
                raise PermanentActionError(f"{what}: the answer names no execution, expected a ref")
        begun = folder.begun()
        assert begun is not None, "it was begun above"
        folder.refer(begun, execution)
        return f"{what} runs as execution {execution}"

    def rehearse(self, command: Command) -> str:
        """Check everything that the start would need, and start nothing."""
        entry, arguments = listed(self._entries, command)
        _named(command)
        with self._door(_what(command), entry):
            return f"{_what(command)} would be started with {', '.join(arguments) or 'no parameters'}"

    def _door(self, what: str, entry: PipelineEntry) -> HttpDoor:
        return HttpDoor(read_sources(what, entry.headers), entry.timeout_s, entry.certificates)

    def _known(self, door: HttpDoor, entry: PipelineEntry, command: Command, application: str) -> str:
        """Return the execution that was started for a command, "" when there is none."""
        what = _what(command)
        url = f"{_base(entry)}/applications/{quote(application, safe='')}/pipelines?limit={_LAST_EXECUTIONS}"
        answer = door.ask(what, "GET", url)
        _require(what, answer)
        for execution in answer.body if isinstance(answer.body, list) else ():
            if found_at(execution, "trigger.correlationId") == command.id:
                return found_at(execution, "id") or ""
        return ""


def _messages(execution: Any) -> tuple[str, ...]:
    """Return what an execution's stages say of themselves, redacted, oldest first."""
    stages = execution.get("stages") if isinstance(execution, dict) else None
    said: list[str] = []
    for stage in stages if isinstance(stages, list) else ():
        name, status = found_at(stage, "name") or "stage", found_at(stage, "status") or ""
        context = stage.get("context") if isinstance(stage, dict) else None
        words = [found_at(context, "failureMessage"), found_at(context, "exception.details.error")]
        words += [found_at(context, f"exception.details.errors.{place}") for place in range(3)]
        told = "; ".join(dict.fromkeys(word for word in words if word))
        said.append(redact(f"{name}: {status}{': ' if told else ''}{told}"))
    return tuple(said[-LAST_LINES:])


def _require(what: str, answer: Answer) -> None:
    if not 200 <= answer.status < 300:
        said = found_at(answer.body, "message") or found_at(answer.body, "error") or ""
        raise PermanentActionError(
            f"{what}: Gate says HTTP {answer.status}{': ' if said else ''}{redact(said)}"
        )


def _ended(ended: Ended) -> Progress:
    if not ended.is_good:
        raise PermanentActionError(ended.detail, ended.log_tail)
    return Progress(
        is_set=True, is_done=True, template=NO_TEMPLATE, detail=ended.detail, log_tail=ended.log_tail
    )


def _base(entry: PipelineEntry) -> str:
    return entry.gate.rstrip("/")


def _named(command: Command) -> tuple[str, str]:
    assert command.runbook is not None, "a command of these kinds names a runbook"
    application, _, pipeline = command.runbook.name.partition("/")
    return application, pipeline


def _what(command: Command) -> str:
    return f"pipeline {'/'.join(_named(command))}"
