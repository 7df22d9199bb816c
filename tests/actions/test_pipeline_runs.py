"""Pipelines against a server that answers as Gate does, in front of an Orca that forgets ended ids."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actions.pipeline_runs import Pipelines
from actions.runbook_list import Argument, PipelineEntry, Source
from schemas.orders import Command, CommandKind, Outcome, OutcomeKind
from tests.actions.orders import NOW
from tests.actions.runbook_orders import a_call, executed
from tests.actions.small_server import Reply, Request, SmallServer, served


class Gate:
    """Gate's answers.

    From its API reference: a start answers 202 and a ref. From Orca 8.56.0: a start under the correlation id
    of an execution that is under way answers that one, under any other starts one.
    """

    def __init__(self) -> None:
        self.executions: list[dict[str, Any]] = []
        self.statuses = ["NOT_STARTED", "RUNNING", "SUCCEEDED"]
        self.stages: list[dict[str, Any]] = []

    def answer(self, request: Request) -> Reply:
        path = request.path.partition("?")[0].strip("/").split("/")
        match request.method, path:
            case "GET", ["applications", "shop", "pipelines"]:
                return Reply(200, list(reversed(self.executions)))
            case "POST", ["pipelines", "shop", "roll%20back"]:
                return self.start(request.body)
            case "POST", ["pipelines", *_]:
                return Reply(404, {"message": "Pipeline configuration not found", "status": 404})
            case "GET", ["pipelines", known]:
                found = next((one for one in self.executions if one["id"] == known), None)
                if found is None:
                    return Reply(404, {"message": f"No PIPELINE found for {known}"})
                later = self.statuses.index(found["status"]) + 1
                found["status"] = self.statuses[min(later, len(self.statuses) - 1)]
                return Reply(200, {**found, "stages": self.stages})
            case _:
                return Reply(404, {"message": "no such thing"})

    def start(self, trigger: dict[str, Any]) -> Reply:
        ended = ("SUCCEEDED", "TERMINAL", "CANCELED", "STOPPED")
        for execution in self.executions:
            same = execution["trigger"]["correlationId"] == trigger["correlationId"]
            if same and execution["status"] not in ended:
                return Reply(202, {"ref": f"/pipelines/{execution['id']}"})
        number = f"01H{len(self.executions)}"
        self.executions.append({"id": number, "status": self.statuses[0], "trigger": trigger})
        return Reply(202, {"ref": f"/pipelines/{number}"})


class Installation:
    """One listed pipeline."""

    def __init__(self, gate: Gate, server: SmallServer, address: str, root: Path) -> None:
        self.gate, self.server, self.root = gate, server, root
        self.entry = PipelineEntry(
            gate=f"{address}/",
            arguments={"version": Argument(required=False)},
            headers={"X-Spinnaker-User": Source(value="suture")},
        )

    def pipelines(self, runs: str = "runbooks") -> Pipelines:
        listed = {"shop/roll back": self.entry, "shop/gone": self.entry}
        return Pipelines(listed, self.root / runs, lambda: NOW)

    def run(self, arguments: dict[str, str] | None = None, runs: str = "runbooks", **said: Any) -> Outcome:
        return executed(a_pipeline(arguments, **said), self.pipelines(runs))

    def starts(self) -> int:
        return sum(request.method == "POST" for request in self.server.requests)


def a_pipeline(arguments: dict[str, str] | None = None, name: str = "shop/roll back", **said: Any) -> Command:
    return a_call(CommandKind.RUN_PIPELINE, name, arguments, **said)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    gate = Gate()
    server = SmallServer(gate.answer)
    with served(server) as address:
        yield Installation(gate, server, address, tmp_path)


def test_a_pipeline_is_started_once_and_watched_to_its_end(here: Installation) -> None:
    first, second = here.run({"version": "1.4"}), here.run({"version": "1.4"})
    assert (first.kind, second.kind) == (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE)
    assert "pipeline shop/roll back, execution 01H0: SUCCEEDED" in first.detail
    (execution,) = here.gate.executions
    assert execution["trigger"] == {
        "type": "manual",
        "correlationId": "c1",
        "parameters": {"version": "1.4"},
    }
    assert {request.headers["X-Spinnaker-User"] for request in here.server.requests} == {"suture"}


@pytest.mark.parametrize("status", ["TERMINAL", "CANCELED", "STOPPED"])
def test_a_pipeline_that_ends_badly_is_a_failure_with_what_its_stages_say(
    here: Installation, status: str
) -> None:
    here.gate.statuses[-1] = status
    here.gate.stages = [
        {"name": "Find cluster", "status": "SUCCEEDED", "context": {}},
        {
            "name": "Roll back",
            "status": status,
            "context": {"exception": {"details": {"error": "Unexpected", "errors": ["no group v012"]}}},
        },
    ]
    outcome = here.run()
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.detail == f"pipeline shop/roll back, execution 01H0: {status}"
    assert outcome.log_tail == ("Find cluster: SUCCEEDED", f"Roll back: {status}: Unexpected; no group <id>")


def test_an_execution_whose_answer_was_lost_is_found_by_its_correlation_id(here: Installation) -> None:
    def start_and_hang_up(trigger: dict[str, Any]) -> Reply:
        Gate.start(here.gate, trigger)
        return Reply(0)

    here.gate.start = start_and_hang_up  # type: ignore[method-assign]  # the answer is lost, not the start
    outcome = here.run()
    assert outcome.kind is OutcomeKind.DONE, outcome.detail
    assert here.starts() == 1


def test_an_execution_that_ended_is_not_started_again_by_an_executor_that_knows_nothing_of_it(
    here: Installation,
) -> None:
    assert here.run().kind is OutcomeKind.DONE
    assert here.run(runs="of another machine").kind is OutcomeKind.DONE
    assert (here.starts(), len(here.gate.executions)) == (1, 1)


def test_an_executor_that_comes_after_one_that_died_watches_the_same_execution(here: Installation) -> None:
    here.pipelines().carry_out(a_pipeline())
    assert here.run().kind is OutcomeKind.ALREADY_DONE
    assert here.starts() == 1


def test_a_pipeline_that_spinnaker_does_not_know_is_a_failure_in_its_words(here: Installation) -> None:
    outcome = here.run(name="shop/gone")
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.detail == "pipeline shop/gone: Gate says HTTP 404: Pipeline configuration not found"


def test_a_pipeline_that_is_not_listed_is_refused_with_what_is(here: Installation) -> None:
    outcome = here.run(name="shop/explode")
    assert outcome.kind is OutcomeKind.REFUSED
    assert "expected shop/gone, shop/roll back" in outcome.detail
    assert here.server.requests == []


def test_a_rehearsal_starts_nothing(here: Installation) -> None:
    outcome = here.run({"version": "1.4"}, is_rehearsal=True)
    assert outcome.detail == "would change: pipeline shop/roll back would be started with version"
    assert outcome.kind is OutcomeKind.REHEARSED
    assert here.starts() == 0


def test_a_pipeline_that_does_not_end_in_time_has_failed_and_is_left_running(here: Installation) -> None:
    here.gate.statuses = ["NOT_STARTED", "RUNNING"]
    outcome = here.run(timeout_s=20)
    assert outcome.kind is OutcomeKind.FAILED
    assert "execution 01H0: RUNNING" in outcome.detail
    assert [execution["status"] for execution in here.gate.executions] == ["RUNNING"]
