"""The views answer SQL over the journal, and let nothing else be read or written."""

from importlib import resources
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from feature_store.columns import COLUMNS
from feature_store.releases import list_releases, release_row
from feature_store.views import VIEWS, QueryError, connect, documentation
from schemas.effects import Effect
from schemas.failures import FailurePattern
from schemas.judgements import Anomaly
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, SignalName
from schemas.observations import LogPosition
from tests.feature_store import stories
from tests.feature_store.script import START, Script, write


def one(root: Path, query: str) -> dict[str, object]:
    connection = connect(root)
    row = connection.execute(query).fetchone()
    assert row is not None
    return dict(zip([column[0] for column in connection.description or []], row, strict=True))


def test_an_empty_journal_has_all_views_with_their_columns(tmp_path: Path) -> None:
    connection = connect(tmp_path / "nothing")
    for view in ("effects", *VIEWS):
        assert connection.execute(f"SELECT * FROM {view}").fetchall() == []


@pytest.mark.parametrize("view", VIEWS)
def test_every_column_of_a_view_is_documented_in_its_order(tmp_path: Path, view: str) -> None:
    text = resources.files("feature_store.queries").joinpath(f"{view}.sql").read_text()
    names = [name for name, _ in documentation(text)]
    connection = connect(tmp_path)
    connection.execute(f"SELECT * FROM {view}")
    assert names == [view, *(column[0] for column in connection.description or [])]


def test_the_documentation_is_in_the_database(tmp_path: Path) -> None:
    connection = connect(tmp_path)
    undocumented = connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE comment IS NULL AND table_name != 'journal_files' AND NOT internal"
    ).fetchall()
    assert undocumented == []


def test_a_new_file_appears_on_the_next_connect(tmp_path: Path) -> None:
    write(tmp_path, stories.promoted().effects)
    assert len(list_releases(connect(tmp_path))) == 1
    write(tmp_path, stories.rolled_back_alone().effects, partition=4)
    assert len(list_releases(connect(tmp_path))) == 2


def test_effects_that_two_journals_wrote_count_once(tmp_path: Path) -> None:
    effects = stories.promoted().effects
    (tmp_path / "other").mkdir()
    write(tmp_path, effects[:5])
    write(tmp_path / "other", effects[3:], first_offset=3)
    (moved,) = (tmp_path / "other").glob("*/*.parquet")
    (present,) = tmp_path.glob("day=*/*.parquet")
    moved.rename(present.with_name(moved.name))
    counts = connect(tmp_path).execute("SELECT count(*), count(DISTINCT effect_id) FROM effects")
    assert counts.fetchone() == (len(effects), len(effects))


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO '{root}/stolen.csv'",
        "COPY effects TO '{file}' (FORMAT parquet)",
        "COPY (SELECT 1) TO '{name}' (USE_TMP_FILE false)",
        "WITH x AS (COPY (SELECT 1) TO '{name}' (USE_TMP_FILE false)) SELECT * FROM x",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{name}' (USE_TMP_FILE false)",
        "COPY (SELECT 1) TO 'journal://new.parquet'",
        "ATTACH '{name}' AS stolen (TYPE duckdb)",
        "SELECT * FROM read_parquet('journal://*/*.parquet')",
        "SELECT * FROM read_text('file:///etc/hostname')",
        "SELECT * FROM enable_logging(storage = 'file', storage_path = '{root}/log')",
        "CREATE PERSISTENT SECRET s (TYPE http)",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM read_parquet('{file}')",
        "SELECT * FROM glob('/*')",
        "ATTACH '{root}/new.db'",
        "EXPORT DATABASE '{root}/all'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "SELECT * FROM START",
        "INSERT INTO effects (kind) VALUES ('command')",
        "DELETE FROM journal_files",
    ],
)
def test_a_query_reads_and_writes_nothing_else(tmp_path: Path, query: str) -> None:
    write(tmp_path, stories.promoted().effects)
    (file,) = tmp_path.glob("day=*/*.parquet")
    before = file.read_bytes()
    name = f"journal://{file.relative_to(tmp_path)}"
    # What Python's side refuses comes back as DuckDB's error or as its own.
    with pytest.raises((QueryError, OSError)):
        connect(tmp_path).execute(query.format(root=tmp_path, file=file, name=name))
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["day=2026-11-23"]


@pytest.mark.parametrize("name", ["/etc/hostname", "../../etc/hostname", "day=2026-11-23/../../secret", "*"])
def test_a_name_that_is_not_a_file_of_the_journal_stands_for_nothing(tmp_path: Path, name: str) -> None:
    write(tmp_path / "journal", stories.promoted().effects)
    (tmp_path / "secret").write_text("stolen")
    query = f"SELECT * FROM read_text('journal://{name}')"
    assert connect(tmp_path / "journal").execute(query).fetchall() == []


def test_files_of_an_older_version_lack_columns_and_are_read_beside_todays(tmp_path: Path) -> None:
    write(tmp_path, stories.promoted().effects)
    (file,) = tmp_path.glob("day=*/*.parquet")
    table = pq.read_table(file)
    fewer = table.select([column.name for column in COLUMNS[:-1]]).replace_schema_metadata(
        table.schema.metadata
    )
    older = file.with_name("p0001-000000000000-000000000099.parquet")
    pq.write_table(fewer, older)
    last = COLUMNS[-1].name
    rows = connect(tmp_path).execute(f"SELECT count(*), count({last}) FROM effects").fetchall()
    assert rows == [(2 * table.num_rows, table.num_rows - table[last].null_count)]


@pytest.mark.parametrize(
    ("script", "state", "verdict"),
    [
        (Script().opened(), "watching", None),
        (stories.rolled_back_alone(), "rolled_back", "harmful"),
        (stories.asked(), "held", "harmful"),
        (stories.held_and_approved(), "rolled_back", "harmful"),
        (stories.rejected(), "rejected", "harmful"),
        (stories.expired(), "expired", "harmful"),
        (stories.silent(), "nodata", "nodata"),
        (stories.broken(), "watching", "broken"),
        (stories.promoted(), "promoted", "healthy"),
        (stories.ambiguous(), "held", "harmful"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_release_is_in_the_state_that_its_story_ends_in(
    tmp_path: Path, script: Script, state: str, verdict: str | None
) -> None:
    write(tmp_path, script.effects)
    row = release_row(connect(tmp_path), script.release)
    assert row is not None
    assert (row.state, row.verdict) == (state, verdict)
    assert (row.environment, row.service, row.version) == (script.environment, script.service, script.version)
    assert row.started_at == START


def test_a_rollback_is_timed_from_the_start_and_from_the_first_bad_interval(tmp_path: Path) -> None:
    write(tmp_path, stories.held_and_approved().effects)
    row = one(tmp_path, "SELECT * FROM releases")
    assert row["seconds_to_undo"] == 10.5 * 60
    assert row["seconds_from_damage_to_undo"] == 5.5 * 60
    assert (row["answer"], row["answered_by"], row["approved_by"]) == ("approve", "ada", "ada via cli")
    assert (row["action"], row["outcome"], row["recovery"]) == ("undo", "done", "not_recovered")
    assert str(row["guard_reason"]).startswith("rollback needs a human")


def test_an_outcome_of_an_earlier_command_is_not_the_later_ones(tmp_path: Path) -> None:
    script = stories.promoted().command(stories.UNDO, minute=40)
    write(tmp_path, script.effects)
    row = one(tmp_path, "SELECT * FROM releases")
    assert (row["action"], row["outcome"], row["state"]) == ("undo", None, "rolling_back")


def test_evidence_shows_both_sides_and_its_place(tmp_path: Path) -> None:
    write(tmp_path, stories.rolled_back_alone().effects)
    row = one(tmp_path, "SELECT * FROM evidence WHERE signal = 'errors'")
    assert (row["environment"], row["service"], row["convicts"]) == ("dev", "cart", True)
    assert (row["canary_level"], row["control_level"], row["control_pods"]) == (0.041, 0.0021, 8)


def test_a_hold_shows_its_answer_and_how_long_it_took(tmp_path: Path) -> None:
    write(tmp_path, stories.rejected().effects)
    hold = one(tmp_path, "SELECT * FROM holds")
    assert (hold["answer"], hold["answered_by"], hold["seconds_to_answer"]) == ("reject", "grace", 60.0)
    assert one(tmp_path, "SELECT * FROM approvals")["service"] == "cart"
    assert one(tmp_path, "SELECT * FROM denials")["guard"] == "rejected"


def test_an_answer_that_does_not_count_is_not_the_answer_of_a_hold(tmp_path: Path) -> None:
    write(tmp_path, stories.asked_of_two().effects)
    hold = one(tmp_path, "SELECT * FROM holds")
    assert (hold["ended"], hold["answer"], hold["answered_by"]) == (
        "granted",
        "approve",
        "grace via pagerduty",
    )
    assert hold["seconds_to_answer"] == 11 * 60


def test_the_other_views_have_one_row_a_fact(tmp_path: Path) -> None:
    write(tmp_path, stories.held_and_approved().effects)
    assert one(tmp_path, "SELECT * FROM verdicts WHERE ordinal = 2")["verdict_kind"] == "harmful"
    assert one(tmp_path, "SELECT * FROM decisions")["alternatives"] == [
        "rollback alone: not chosen, prod/* asks a human"
    ]
    assert one(tmp_path, "SELECT * FROM commands")["target"] == "default/prod/cart"
    assert one(tmp_path, "SELECT * FROM outcomes")["seconds"] == pytest.approx(12.0)
    assert one(tmp_path, "SELECT * FROM recoveries")["recovery_kind"] == "not_recovered"
    assert one(tmp_path, "SELECT count(*) AS n FROM pages")["n"] == 2
    assert one(tmp_path, "SELECT * FROM effects LIMIT 1").keys() == {column.name for column in COLUMNS}


def test_releases_are_listed_newest_first_and_by_place(tmp_path: Path) -> None:
    write(tmp_path, stories.rolled_back_alone().effects)
    later = Script("1.4.4", first_offset=500, start=START.replace(hour=5)).opened()
    write(tmp_path, later.effects, first_offset=50)
    connection = connect(tmp_path)
    assert [row.version for row in list_releases(connection)] == ["1.4.4", "1.4.2"]
    assert [row.version for row in list_releases(connection, environment="dev")] == ["1.4.2"]
    assert list_releases(connection, service="stock") == []
    assert len(list_releases(connection, limit=1)) == 1
    with pytest.raises(ValueError, match="limit is 0"):
        list_releases(connection, limit=0)


def test_an_unknown_release_has_no_row(tmp_path: Path) -> None:
    assert release_row(connect(tmp_path), ReleaseId("none")) is None


def test_a_failure_is_one_row_with_its_worst_and_its_end(tmp_path: Path) -> None:
    loop = FailurePattern.CRASH_LOOP
    script = Script().opened().failure(loop, minute=2, failing=1).failure(loop, minute=3, failing=3)
    script.failure(loop, minute=4, failing=2).failure_cleared(loop, minute=6)
    write(tmp_path, script.effects)
    row = one(tmp_path, "SELECT * FROM failures")
    assert (row["failure"], row["pattern"]) == (script.failure_id(loop), "crash_loop")
    assert (row["failing"], row["most_failing"], row["replicas"]) == (2, 3, 3)
    assert (row["cluster"], row["namespace"], row["workload"]) == ("default", "prod", "cart")
    assert (row["version"], row["template"], row["workload_kind"]) == ("1.4.2", "5d9c7", "deployment")
    assert (row["since"], row["seen_at"], row["cleared_at"]) == (script.at(1), script.at(2), script.at(6))
    assert (row["happened_at"], row["seconds"]) == (script.at(4), 300.0)
    assert row["text"] == "2 of 3 pods restart again and again: exit code 1"


def test_a_failure_that_is_told_of_again_after_its_end_is_not_over(tmp_path: Path) -> None:
    loop = FailurePattern.CRASH_LOOP
    script = Script().failure(loop, minute=2).failure_cleared(loop, minute=3).failure(loop, minute=4)
    write(tmp_path, script.effects)
    row = one(tmp_path, "SELECT * FROM failures")
    assert (row["cleared_at"], row["seconds"]) == (None, None)


def test_an_anomaly_is_read_without_any_release(tmp_path: Path) -> None:
    anomaly = Anomaly(
        id="an1",
        environment=EnvironmentName("prod"),
        service=ServiceName("cart"),
        signal=SignalName("errors"),
        level=0.3,
        expected=0.005,
        p_value=1e-4,
        since=START,
        at=START,
    )
    cause = LogPosition(topic="observations", partition=3, offset=7)
    write(tmp_path, [Effect(key="prod/cart", cause=cause, index=0, said=anomaly)])
    row = one(tmp_path, "SELECT * FROM anomalies")
    assert (row["service"], row["signal"], row["level"]) == ("cart", "errors", 0.3)
