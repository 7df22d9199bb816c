"""`suture ci report` and what follows, as a pipeline uses it: files in, tables or JSON out, exit codes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from schemas.cdevents import read_deploy
from schemas.cloudevents import read_record
from schemas.codec import from_json, to_json
from schemas.documents import json_schema
from schemas.errors import SchemaError, SettingsError
from schemas.quality import GateOutcome, GateResult
from schemas.reports import BuildReported
from schemas.topics import Topic
from streams.build_reports import LARGEST_EVENT_BYTES, report_message, with_numbers
from streams.cli import app
from tests.actions.quality.building import CART, NOW, PROD, a_finding, covered, found, ran

OF = ("--service", "cart", "--environment", "prod")
PASSED = (
    '<testsuite name="s"><testcase classname="T" name="login"/>'
    '<testcase classname="T" name="pay"/></testsuite>'
)
FAILED = PASSED.replace('name="login"/>', 'name="login"><failure message="secret"/></testcase>')
TRIVY = {
    "SchemaVersion": 2,
    "ArtifactName": "cart",
    "Results": [
        {
            "Target": "poetry.lock",
            "Vulnerabilities": [
                {"VulnerabilityID": "CVE-1", "PkgName": "x", "FixedVersion": "2", "Severity": "HIGH"}
            ],
        }
    ],
}


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own and no Kafka."""
    monkeypatch.setenv("SUTURE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    return tmp_path / "data"


def ci(*arguments: str, said: str | None = None) -> Result:
    return CliRunner().invoke(app, ["ci", *arguments], input=said)


def reported(folder: Path, version: str, **files: str) -> Result:
    paths = []
    for name, text in files.items():
        path = folder / f"{version}-{name}"
        path.mkdir()
        (path / "report").write_text(text, encoding="utf-8")
        paths.append(str(path / "report"))
    return ci("report", *paths, *OF, "--version", version, "--json")


def asked(version: str, *more: str) -> tuple[int, GateResult]:
    done = ci("gate", *OF, "--version", version, "--json", *more)
    assert done.stdout, done.exception
    return done.exit_code, from_json(GateResult, done.stdout)


def test_without_kafka_reports_are_kept_and_said_not_to_be_published(tmp_path: Path, data: Path) -> None:
    file = tmp_path / "junit.xml"
    file.write_text(PASSED)
    done = ci("report", str(file), *OF, "--version", "1.0")
    assert done.exit_code == 0, done.output
    assert "kept; not published, KAFKA_BOOTSTRAP is not set" in done.stdout
    assert "junit.xml" in done.stdout
    assert len(list((data / "gate").glob("*.jsonl"))) == 1


def test_the_report_as_json_says_what_was_recognised(tmp_path: Path) -> None:
    (told,) = json.loads(reported(tmp_path, "1.0", junit=FAILED).stdout)
    assert (told["format"], told["about"], told["is_published"]) == ("junit", "tests", False)
    assert (told["numbers"]["tests_run"], told["numbers"]["tests_failed"]) == (2, 1)


def test_pass_warn_fail_and_hold_have_exit_codes_of_their_own(tmp_path: Path) -> None:
    reported(tmp_path, "1.0", junit=PASSED)
    assert asked("1.0")[0] == 0
    flaky = PASSED.replace('name="pay"/>', 'name="pay"><flakyFailure/></testcase>')
    reported(tmp_path, "1.1", junit=flaky)
    assert asked("1.1")[0] == 5
    reported(tmp_path, "1.2", junit=FAILED)
    assert asked("1.2")[0] == 1
    assert asked("1.3")[0] == 2


def test_one_refused_file_keeps_nothing_of_the_others(tmp_path: Path, data: Path) -> None:
    done = reported(tmp_path, "1.0", junit=PASSED, torn='{"SchemaVersion": 2, "Results": [')
    assert isinstance(done.exception, SchemaError)
    assert not (data / "gate").exists()


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    done = ci("report", str(tmp_path / "none.xml"), *OF, "--version", "1.0")
    assert isinstance(done.exception, SchemaError)
    assert "none.xml: is no file" in str(done.exception)


def test_what_a_human_accepted_is_compared_with_and_what_was_invalidated_is_not(tmp_path: Path) -> None:
    scan = json.dumps(TRIVY)
    reported(tmp_path, "1.0", junit=PASSED, trivy=scan)
    assert asked("1.0")[0] == 1
    said = ("--by", "ada", "--reason", "no way to reach it")
    assert ci("accept", *OF, "--version", "1.0", *said).exit_code == 0
    reported(tmp_path, "1.1", junit=PASSED, trivy=scan)
    code, result = asked("1.1")
    assert (code, result.compared_with) == (0, ("1.0",))
    assert ci("invalidate", *OF, "--version", "1.0", *said).exit_code == 0
    assert asked("1.1")[1].outcome is GateOutcome.FAIL


def test_a_held_build_passes_once_a_human_accepted_it_until_something_new_is_reported(tmp_path: Path) -> None:
    reported(tmp_path, "1.0", junit=FAILED)
    assert asked("1.0")[0] == 1
    ci("accept", *OF, "--version", "1.0", "--by", "ada", "--reason", "the test is wrong")
    code, result = asked("1.0")
    assert (code, result.reasons[0]) == (0, "accepted by ada: the test is wrong")
    assert "accepted by ada" in ci("gate", *OF, "--version", "1.0").stdout
    reported(tmp_path, "1.0", trivy=json.dumps(TRIVY))
    assert asked("1.0")[0] == 1


def test_a_ruling_needs_a_name_and_a_reason(tmp_path: Path) -> None:
    reported(tmp_path, "1.0", junit=PASSED)
    done = ci("accept", *OF, "--version", "1.0", "--by", " ", "--reason", "x")
    assert isinstance(done.exception, SettingsError)


def test_a_diff_from_standard_input_asks_for_coverage_of_its_lines(tmp_path: Path) -> None:
    lcov = "SF:src/cart.py\nDA:1,1\nDA:2,0\nend_of_record\n"
    reported(tmp_path, "1.0", junit=PASSED, lcov=lcov)
    diff = "--- a/src/cart.py\n+++ b/src/cart.py\n@@ -1,0 +1,2 @@\n+one\n+two\n"
    done = ci("gate", *OF, "--version", "1.0", "--json", "--diff", "-", said=diff)
    result = from_json(GateResult, done.stdout)
    coverage = next(part for part in result.parts if part.name == "coverage")
    assert coverage.reasons[0] == "1 of 2 changed lines ran in the tests (50%)"
    assert done.exit_code == 5


def test_objectives_of_keptn_decide_with_values_from_elsewhere(tmp_path: Path) -> None:
    reported(tmp_path, "1.0", junit=PASSED)
    slo = tmp_path / "slo.yaml"
    slo.write_text(
        'spec_version: "1.0"\nobjectives:\n- sli: response_time_p95\n  key_sli: true\n'
        '  pass: [{criteria: ["<=+10%", "<600"]}]\n'
    )
    assert asked("1.0", "--slo", str(slo))[0] == 2
    assert asked("1.0", "--slo", str(slo), "--sli", "response_time_p95=500")[0] == 0
    reported(tmp_path, "1.1", junit=PASSED)
    code, result = asked("1.1", "--slo", str(slo), "--sli", "response_time_p95=560")
    assert (code, result.objectives[0].compared_value) == (1, 500.0)


@pytest.mark.parametrize("text", ["p95", "=1", "p95=", "p95=nan", "p95=fast"])
def test_an_indicator_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    done = ci("gate", *OF, "--version", "1.0", "--sli", text)
    assert isinstance(done.exception, SettingsError)
    assert "expected NAME=VALUE" in str(done.exception)


def test_what_a_pipeline_insists_on_and_did_not_report_holds(tmp_path: Path) -> None:
    reported(tmp_path, "1.0", junit=PASSED)
    code, result = asked("1.0", "--require", "tests", "--require", "load")
    assert (code, result.reasons) == (2, ("load: no report of load, which is required",))


def test_the_table_says_outcome_and_why_and_shows_names_as_text(tmp_path: Path) -> None:
    reported(tmp_path, "1.0", junit=FAILED.replace('name="login"', 'name="[bold]login[/nope]"'))
    done = ci("gate", *OF, "--version", "1.0")
    assert done.exit_code == 1
    assert "cart 1.0 in prod: FAIL" in done.stdout
    words = "".join(done.stdout.split())
    assert "[bold]login[/nope]" in words
    assert "secret" not in words


def test_a_version_that_nobody_reported_says_which_are_known(tmp_path: Path) -> None:
    reported(tmp_path, "1.0", junit=PASSED)
    done = ci("gate", *OF, "--version", "1.O")
    assert done.exit_code == 2
    assert "newest known versions: 1.0" in done.stdout


@pytest.mark.parametrize(
    ("verdict", "text", "rule", "code"),
    [
        ("healthy", PASSED, "both", 0),
        ("harmful", PASSED, "both", 2),
        ("harmful", PASSED, "either", 1),
        ("harmful", FAILED, "both", 1),
    ],
)
def test_two_stages_are_weighed_by_the_rule(
    tmp_path: Path, verdict: str, text: str, rule: str, code: int
) -> None:
    smoke = tmp_path / "smoke.xml"
    smoke.write_text(text)
    assert ci("stages", "--verdict", verdict, "--smoke", str(smoke), "--rule", rule).exit_code == code


def bound(large: int = 0) -> BuildReported:
    report = ran(login="failed", **{f"t{i}": "passed" for i in range(large)})
    return with_numbers(BuildReported(service=CART, version="1.0", environment=PROD, at=NOW, report=report))


def test_a_report_is_a_cloud_event_in_its_services_place_that_starts_no_release() -> None:
    message = report_message(bound())
    assert (message.topic, message.key) == (Topic.CDEVENTS, b"prod/cart")
    event = read_record(message.value, message.headers)
    assert (event.type, event.subject) == ("dev.suture.build.report.v1", "cart")
    assert from_json(BuildReported, json.dumps(event.data)) == bound()
    assert read_deploy(event) is None


def test_the_same_report_of_the_same_build_is_the_same_event() -> None:
    ids = {read_record(report_message(bound()).value, report_message(bound()).headers).id for _ in range(2)}
    other = report_message(bound(large=1))
    assert len({*ids, read_record(other.value, other.headers).id}) == 2


def test_a_large_report_travels_as_its_failures_and_its_numbers() -> None:
    large = bound(large=20_000)
    assert len(to_json(large)) > LARGEST_EVENT_BYTES
    message = report_message(large)
    assert len(message.value) < 2 * LARGEST_EVENT_BYTES
    told = from_json(BuildReported, json.dumps(read_record(message.value, message.headers).data))
    assert not told.is_whole
    assert [case.name for case in told.report.content.cases] == ["login"]  # type: ignore[union-attr]
    assert {indicator.name: indicator.value for indicator in told.numbers}["tests_run"] == 20_001


def test_what_is_published_is_what_the_schema_says() -> None:
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(json_schema(BuildReported))
    for report in (ran(login="failed"), covered("a.py", (1,), (2,)), found(a_finding("CVE-1"))):
        event = report_message(
            with_numbers(BuildReported(service=CART, version="1", environment=PROD, at=NOW, report=report))
        )
        validator.validate(read_record(event.value, event.headers).data)
