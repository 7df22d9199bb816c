"""Every verb under every fault: done exactly once, reported exactly once, and right in the end.

The executors are those that are deployed, processes on a real Kafka; the cluster is real. Between them
stands a door that counts what the API server accepted, and holds the moment at which the fault comes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from actions.kubernetes_resources import PODS
from actions.kubernetes_role import manifests, rules
from actions.kubernetes_targets import SERVED
from infra.dev.argo import Controller
from infra.dev.cluster import Cluster
from infra.dev.kafka import Broker
from schemas.orders import OutcomeKind
from tests.integration.crew import Crew
from tests.integration.fault_waves import AT_ONCE, Cell, Fault, Theatre, namespace_of
from tests.integration.request_gate import request_gate
from tests.integration.verb_rows import WORKLOAD_ROWS, Row
from tests.integration.verb_rows_argo import ROLLOUT_ROWS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

ROWS = (*WORKLOAD_ROWS, *ROLLOUT_ROWS)
CELLS = [(row, fault) for fault in Fault for row in ROWS]
ACCOUNT = "suture-under-faults"
TABLE_FILE = "SUTURE_VERB_TABLE"
"""Names the file that the table goes to, beside the terminal."""


@pytest.fixture(scope="module")
def theatre(
    kafka_broker: Broker,
    dev_cluster: Cluster,
    argo_rollouts: Controller,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Iterator[Theatre]:
    """All rows on the stage; at the end the table."""
    folder = tmp_path_factory.mktemp("faults")
    dev_cluster.apply(
        _list(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace_of(row)}} for row in ROWS
        )
    )
    with ExitStack() as stack:
        gate = stack.enter_context(request_gate(dev_cluster, _executors_token(dev_cluster), folder))
        crews = []
        for number in range((len(ROWS) + AT_ONCE - 1) // AT_ONCE):
            prefix = f"faults{number}."
            crew = Crew(kafka_broker.bootstrap, prefix, gate.kubeconfig, folder / f"{prefix}log")
            stack.callback(crew.close)
            crew.start()
            crews.append(crew)
        dev_cluster.apply(_list(_placed(one, row) for row in ROWS for one in row.manifests))
        theatre = Theatre(dev_cluster, gate, crews, ROWS)
        stack.callback(theatre.close)
        yield theatre
    _show(theatre, pytestconfig)
    dev_cluster.kubectl("delete", "clusterrole,clusterrolebinding,serviceaccount", ACCOUNT)
    dev_cluster.kubectl("delete", "namespace", "--wait=false", *(namespace_of(row) for row in ROWS))


@pytest.mark.parametrize(
    ("row", "fault"), CELLS, ids=[f"{fault}-{row.name}".replace(" ", "_") for row, fault in CELLS]
)
def test_a_verb_is_done_once_and_reported_once(theatre: Theatre, row: Row, fault: Fault) -> None:
    cell = theatre.cell(row, fault)
    assert len(cell.accepted) == row.writes, (cell.accepted, cell.refused)
    if row.counted is not None:
        assert cell.changes == 1

    assert len(cell.outcomes) == (2 if fault is Fault.TWICE else 1)
    outcome = cell.outcomes[0]
    assert set(cell.outcomes) == {outcome}
    written_before = {Fault.KILL_DURING: row.nth, Fault.KILL_AFTER: row.nth}.get(fault, 0)
    is_found_done = written_before == row.writes
    assert outcome.kind is (OutcomeKind.ALREADY_DONE if is_found_done else OutcomeKind.DONE), outcome.detail

    if row.is_fenced and fault in (Fault.RIVAL, Fault.KILL_BEFORE):
        assert cell.refused, "a write that rests on what is not so any more was refused"
    if fault is Fault.RIVAL and row.contested is not PODS:
        assert cell.has_rival, "what somebody else wrote is still there"


def _executors_token(cluster: Cluster) -> str:
    """Return the token of an account that may do what the verbs ask for, in every namespace, and no more."""
    needed = rules(sorted({row.command for row in ROWS}), SERVED)
    account, role, binding = yaml.safe_load_all(manifests(needed, "default", ACCOUNT))
    for one in (role, binding):
        one["kind"] = f"Cluster{one['kind']}"
        del one["metadata"]["namespace"]
    binding["roleRef"]["kind"] = role["kind"]
    cluster.apply(_list((account, role, binding)))
    return cluster.service_account_token("default", ACCOUNT)


def _list(manifests: Iterable[Mapping[str, object]]) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "List", "items": list(manifests)}


def _placed(manifest: dict[str, object], row: Row) -> dict[str, object]:
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)
    return {**manifest, "metadata": {**metadata, "namespace": namespace_of(row)}}


def _show(theatre: Theatre, config: pytest.Config) -> None:
    """Print the table of verbs and faults with the seconds of each cell."""
    text = _table(theatre)
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        sys.stdout.write(f"\n{text}\n")
        sys.stdout.flush()
    if name := os.environ.get(TABLE_FILE):
        Path(name).write_text(f"{text}\n", encoding="utf-8")


def _table(theatre: Theatre) -> str:
    cells = theatre.cells()
    lines = [
        "seconds from the order to the outcome",
        "| verb | " + " | ".join(Fault) + " |",
        "|---|" + "---|" * len(Fault),
    ]
    for row in ROWS:
        told = [cells.get((row.name, fault)) for fault in Fault]
        values = [
            f"{cell.seconds:.1f}" if isinstance(cell, Cell) else "-" if cell is None else "broken"
            for cell in told
        ]
        lines.append(f"| {row.name} | " + " | ".join(values) + " |")
    return "\n".join(lines)
