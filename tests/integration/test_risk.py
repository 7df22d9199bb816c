"""A model of risk on its way: learnt from a journal, told on a real Kafka, kept, and asked by the gate."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from feature_store.views import connect
from infra.dev.kafka import Broker
from schemas.codec import from_json
from schemas.effects import Said
from schemas.models import ModelChanged
from schemas.observation_messages import read_observation
from schemas.observations import LogPosition
from schemas.quality import BuildAssessed, GateResult
from schemas.topics import PARTITIONS, Topic
from streams.cli import app
from streams.engine import Engine
from streams.kafka_log import RangeReader
from tests.feature_store.risk_log import a_history, write_said
from tests.feature_store.script import START

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

OF = ("--service", "cart", "--environment", "prod", "--version", "7.0")
TESTS = '<testsuite name="s"><testcase classname="T" name="login"/></testsuite>'


def said_on(broker: Broker, prefix: str, topic: Topic) -> list[Said]:
    """Return what an engine says of everything on a topic, partition after partition."""
    reader, engine, said = RangeReader(broker.bootstrap), Engine(), []
    for partition in range(PARTITIONS):
        for record in reader.read(f"{prefix}{topic}", partition):
            position = LogPosition(topic=topic, partition=partition, offset=record.offset)
            observation = read_observation(position, record.key, record.value, record.headers)
            said += [effect.said for effect in engine.apply(observation)]
    reader.close()
    return said


def test_what_is_learnt_from_the_journal_reaches_the_gate_through_the_log(
    kafka_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix, history = "risk-", a_history(300)
    monkeypatch.setenv("KAFKA_BOOTSTRAP", kafka_broker.bootstrap)
    monkeypatch.setenv("SUTURE_PREFIX", prefix)
    monkeypatch.setenv("SUTURE_DATA", str(tmp_path))
    write_said(tmp_path / "journal", history.said)

    def run(*arguments: str) -> Result:
        done = CliRunner().invoke(app, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    at = (START + timedelta(days=60)).isoformat()
    told = json.loads(run("learn", "--family", "risk", "--json", "--as-of", at).stdout)
    assert [entry["stage"] for entry in told["changes"]] == ["challenger", "champion"], told["why"]
    changes = [
        each for each in said_on(kafka_broker, prefix, Topic.OBSERVATIONS) if isinstance(each, ModelChanged)
    ]
    assert len(changes) == 2 * PARTITIONS
    write_said(tmp_path / "later" / "journal", [*history.said, *changes])

    monkeypatch.setenv("SUTURE_DATA", str(tmp_path / "later"))
    report = tmp_path / "junit.xml"
    report.write_text(TESTS)
    run("ci", "report", str(report), *OF, "--author", "ada")
    result = from_json(GateResult, run("ci", "gate", *OF, "--json").stdout)
    assert result.risk_model == told["changes"][-1]["id"]
    (assessed,) = [
        each
        for each in said_on(kafka_broker, prefix, Topic.ENVIRONMENT_OBSERVATIONS)
        if isinstance(each, BuildAssessed)
    ]
    assert (assessed.model, assessed.author) == (result.risk_model, "ada")
    write_said(tmp_path / "last" / "journal", [assessed])
    with connect(tmp_path / "last" / "journal") as connection:
        rows = connection.execute("SELECT failure_chance, model, author FROM builds").fetchall()
    assert rows == [(result.failure_chance, result.risk_model, "ada")]

    retired = run("models", "retire", "--family", "risk", "--why", "chances do not come true", "--by", "ada")
    assert retired.exit_code == 0, retired.output
    everything = said_on(kafka_broker, prefix, Topic.OBSERVATIONS)
    told_of = [each for each in everything if isinstance(each, ModelChanged)]
    assert len(told_of) == 3 * PARTITIONS
    write_said(tmp_path / "prior" / "journal", [*history.said, *told_of])
    monkeypatch.setenv("SUTURE_DATA", str(tmp_path / "prior"))
    run("ci", "report", str(report), *OF, "--author", "ada")
    again = from_json(GateResult, run("ci", "gate", *OF, "--json").stdout)
    assert again.risk_model == "", "the shipped prior is used again"
