"""Waves of faults: all verbs are ordered at once, meet one fault together, and are looked at one by one.

A restart of the API server takes seconds and a new executor two, so that one serves every verb. Several
executors take part, because one carries out eight commands at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_resources import PODS
from infra.dev.cluster import Cluster
from infra.dev.control_plane import API_SERVER, is_ready
from infra.dev.credentials import ADMIN
from infra.dev.waiting import wait_until
from schemas.orders import Command, Outcome
from tests.integration.crew import Crew
from tests.integration.installation import say
from tests.integration.request_gate import Line, Moment, RequestGate
from tests.integration.verb_rows import Row, Stand

T = TypeVar("T")
AT_ONCE = 8
PATIENCE_S = 120.0
RIVAL_LABEL = "suture.dev/rival"


class Fault(StrEnum):
    """What goes wrong."""

    TWICE = "ordered twice"
    RIVAL = "rival writes"
    SERVER_BEFORE = "server dies before"
    SERVER_DURING = "server dies during"
    KILL_BEFORE = "killed before"
    KILL_DURING = "killed during"
    KILL_AFTER = "killed after"


HELD: Mapping[Fault, Moment] = {
    Fault.RIVAL: Moment.BEFORE,
    Fault.SERVER_BEFORE: Moment.BEFORE,
    Fault.SERVER_DURING: Moment.APPLIED,
    Fault.KILL_BEFORE: Moment.BEFORE,
    Fault.KILL_DURING: Moment.APPLIED,
    Fault.KILL_AFTER: Moment.ANSWERED,
}
"""Where the write stands when the fault comes."""


@dataclass(kw_only=True)
class Cell:
    """One verb under one fault.

    Attributes:
        command: What was ordered.
        generation: The object's before the order.
        accepted: Writes that the server accepted for the command.
        refused: Its answers to those that it did not.
        changes: By how much the object's generation rose; None where it is not counted.
        outcomes: What stands on the log about the command, repeats included.
        has_rival: Whether what somebody else wrote in between is there in the end; of a pod nobody asks.
        seconds: From the order to the outcome.
    """

    command: Command
    generation: int = 0
    accepted: Sequence[str] = ()
    refused: Sequence[int] = ()
    changes: int | None = None
    outcomes: Sequence[Outcome] = ()
    has_rival: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Actor:
    """A row with its place: namespace, executor and partition."""

    row: Row
    stand: Stand
    line: Line
    crew: Crew
    partition: int


class Theatre:
    """The rows on a cluster, and the executors that they are ordered from.

    Args:
        cluster: Real, and ours to kill the API server of.
        gate: The door that the executors go through.
        crews: One for each eight rows.
        rows: What is played.
    """

    def __init__(
        self, cluster: Cluster, gate: RequestGate, crews: Sequence[Crew], rows: Sequence[Row]
    ) -> None:
        self._cluster, self._crews = cluster, crews
        api = KubernetesApi.connect(cluster.kubeconfig)
        self._actors = [
            Actor(
                row=row,
                stand=Stand(api, namespace_of(row)),
                line=gate.lines[namespace_of(row)],
                crew=crews[number // AT_ONCE],
                partition=number % AT_ONCE,
            )
            for number, row in enumerate(rows)
        ]
        self._pool = ThreadPoolExecutor(max_workers=len(rows))
        self._played: dict[Fault, Mapping[str, Cell | Exception]] = {}

    def cell(self, row: Row, fault: Fault) -> Cell:
        """Return how a verb fared under a fault; the first question about a fault plays its wave."""
        if fault not in self._played:
            try:
                self._played[fault] = self._play(fault)
            except Exception as error:  # noqa: BLE001  # every verb of the wave is told so
                self._played[fault] = {actor.row.name: error for actor in self._actors}
        found = self._played[fault][row.name]
        if isinstance(found, Exception):
            raise found
        return found

    def cells(self) -> Mapping[tuple[str, Fault], Cell | Exception]:
        """Return all cells that were played, by row and fault."""
        return {(name, fault): cell for fault, wave in self._played.items() for name, cell in wave.items()}

    def close(self) -> None:
        """Let go of the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _play(self, fault: Fault) -> Mapping[str, Cell | Exception]:
        began = time.monotonic()
        prepared = self._each(self._actors, lambda actor: _prepared(actor, fault))
        cells = {name: cell for name, cell in prepared.items() if isinstance(cell, Cell)}
        playing = [actor for actor in self._actors if actor.row.name in cells]
        say(f"{fault}: {len(cells)} of {len(prepared)} prepared after {time.monotonic() - began:.1f} s")
        ordered = time.monotonic()
        deliveries = 2 if fault is Fault.TWICE else 1
        for _ in range(deliveries):
            self._deliver(playing, cells)
        if fault in HELD:
            self._each(playing, lambda actor: _await(actor.line.reached, f"{actor.row.name} writes"))
            say(f"{fault}: all writes are held after {time.monotonic() - began:.1f} s")
        self._strike(fault, playing, cells)
        self._collect(playing, cells, ordered, deliveries)
        looked = self._each(playing, lambda actor: _looked_at(actor, cells[actor.row.name]))
        say(f"{fault}: over after {time.monotonic() - began:.1f} s")
        return {**prepared, **looked}

    def _each(self, actors: Sequence[Actor], act: Callable[[Actor], T]) -> dict[str, T | Exception]:
        """Do something for all at once; what goes wrong is that row's matter."""

        def attempt(actor: Actor) -> T | Exception:
            try:
                return act(actor)
            except Exception as error:  # noqa: BLE001  # raised again by the row's own test
                return error

        return dict(zip((actor.row.name for actor in actors), self._pool.map(attempt, actors), strict=True))

    def _deliver(self, actors: Sequence[Actor], cells: Mapping[str, Cell]) -> None:
        for crew in self._crews:
            mine = [actor for actor in actors if actor.crew is crew]
            crew.order({actor.partition: cells[actor.row.name].command for actor in mine})

    def _strike(self, fault: Fault, actors: Sequence[Actor], cells: Mapping[str, Cell]) -> None:
        match fault:
            case Fault.TWICE:
                return
            case Fault.RIVAL:
                self._each(actors, lambda actor: _rival_writes(actor, cells[actor.row.name]))
            case Fault.SERVER_BEFORE | Fault.SERVER_DURING:
                self._cluster.kill(API_SERVER)
                for actor in actors:
                    actor.line.open(passes=fault is Fault.SERVER_BEFORE)
                wait_until(self._is_server_back, deadline_s=PATIENCE_S, what="the API server's return")
            case Fault.KILL_BEFORE | Fault.KILL_DURING | Fault.KILL_AFTER:
                for crew in self._crews:
                    crew.kill()
                    crew.start()
                # What had not reached the server yet stays on its way until the successors are done.
                if fault is not Fault.KILL_BEFORE:
                    for actor in actors:
                        actor.line.open(passes=False)

    def _is_server_back(self) -> bool:
        # Whoever connects to a port that nobody listens on may hold it for a moment: then the start fails.
        self._cluster.start(API_SERVER)
        return is_ready(self._cluster.server, self._cluster.token(ADMIN))

    def _collect(
        self, actors: Sequence[Actor], cells: Mapping[str, Cell], ordered: float, deliveries: int
    ) -> None:
        """Wait for the outcomes of all, one for each delivery; who has none in time lacks it."""
        never = threading.Event()
        waiting = {actor.row.name: actor for actor in actors}
        while waiting and time.monotonic() - ordered < PATIENCE_S:
            for crew in self._crews:
                said = crew.outcomes()
                for name in [one for one, actor in waiting.items() if actor.crew is crew]:
                    cell = cells[name]
                    cell.outcomes = said.get(cell.command.id, ())
                    cell.seconds = cell.seconds or bool(cell.outcomes) * (time.monotonic() - ordered)
                    if len(cell.outcomes) >= deliveries:
                        del waiting[name]
            never.wait(0.05)


def namespace_of(row: Row) -> str:
    """Return the row's own namespace."""
    return "faults-" + row.name.replace(":", "").replace(",", "").replace(" ", "-").replace("_", "-")


def _await(event: threading.Event, what: str) -> None:
    if not event.wait(PATIENCE_S):
        raise AssertionError(f"{what}: not within {PATIENCE_S:.0f} s")


def _prepared(actor: Actor, fault: Fault) -> Cell:
    row, stand = actor.row, actor.stand
    command = row.before(stand)
    cell = Cell(command=command)
    if row.counted is not None:
        cell.generation = stand.read(row.counted)["metadata"]["generation"]
    actor.line.begin(HELD.get(fault), row.nth)
    return cell


def _rival_writes(actor: Actor, cell: Cell) -> None:
    label = {"metadata": {"labels": {RIVAL_LABEL: cell.command.id}}}
    actor.stand.patch(actor.row.contested, label, name=actor.row.contested_name)
    actor.line.open()


def _looked_at(actor: Actor, cell: Cell) -> Cell:
    row, stand, line = actor.row, actor.stand, actor.line
    # Of an executor that is dead a write may still be on its way: it comes after its successor's.
    line.open()
    line.quiet()
    cell.accepted, cell.refused = tuple(line.accepted), tuple(line.refused)
    stand.until(lambda: row.is_reached(stand, cell.command))
    if row.counted is not None:
        cell.changes = stand.read(row.counted)["metadata"]["generation"] - cell.generation
    if row.contested is not PODS:
        labels = stand.read(row.contested)["metadata"].get("labels") or {}
        cell.has_rival = labels.get(RIVAL_LABEL) == cell.command.id
    return cell
