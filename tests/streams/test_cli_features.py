"""`suture features`, and the gate that asks the model which the journal names."""

from datetime import timedelta
from pathlib import Path

import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from feature_store.features import FEATURES
from schemas.codec import from_json
from schemas.models import ModelCard, ModelChanged, ModelFamily, ModelStage
from schemas.quality import GateResult
from schemas.risk_models import RiskModel, RiskTerm
from streams.cli import app
from tests.feature_store.risk_log import a_history, write_said
from tests.feature_store.script import START

CARD = ModelCard(
    id="risk-1",
    family=ModelFamily.RISK,
    parent="",
    data_from=START,
    data_until=START,
    releases=40,
    labels=40,
    code="c0de",
)
RATE = RiskModel(
    kind="online",
    features=("service_rate", "tests_run"),
    intercept=-1.0,
    terms=(RiskTerm(feature="service_rate", weight=2.0), RiskTerm(feature="tests_run", weight=0.1)),
)
TESTS = '<testsuite name="s"><testcase classname="T" name="login"/></testsuite>'


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a journal that names a champion, and no Kafka."""
    monkeypatch.setenv("SUTURE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    at = START + timedelta(hours=1)
    champion = ModelChanged(card=CARD, stage=ModelStage.CHAMPION, at=at, why="not worse", risk=RATE)
    write_said(tmp_path / "data" / "journal", [*a_history(40).said, champion])
    return tmp_path / "data"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_features_go_to_a_file_whole(tmp_path: Path) -> None:
    file = tmp_path / "features.parquet"
    done = run("features", "--output", str(file), "--as-of", "2026-11-23T12:00:00Z")
    assert done.exit_code == 0, done.output
    table = pyarrow.parquet.read_table(file)
    assert table.num_rows == 4
    assert set(FEATURES) <= set(table.column_names)
    assert run("features", "--format", "csv", "--output", str(tmp_path / "features.csv")).exit_code == 0
    assert (tmp_path / "features.csv").read_text().count("\n") == 41
    assert not list(tmp_path.glob("*.part"))


def test_the_gate_weighs_by_the_champion_of_the_journal(tmp_path: Path) -> None:
    of = ("--service", "cart", "--environment", "prod", "--version", "7.0")
    report = tmp_path / "junit.xml"
    report.write_text(TESTS)
    assert run("ci", "report", str(report), *of).exit_code == 0
    result = from_json(GateResult, run("ci", "gate", *of, "--json").stdout)
    assert result.risk_model == "risk-1"
    # Whatever the machine's clock says: the service's rate is known, and above nothing.
    assert result.failure_chance > RATE.chance({"tests_run": 1.0})
