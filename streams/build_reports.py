"""Reports of builds on their way: bound to their build, kept, and told to whoever follows `cdevents`."""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from actions.quality.gate import Question, gate
from actions.quality.limits import Limits
from feature_store.gate_history import without_line_numbers
from schemas.cloudevents import CloudEvent, write_record
from schemas.codec import adapter, to_json
from schemas.envelopes import Message
from schemas.errors import SchemaError
from schemas.keys import EnvironmentName, ServiceName, derived_id, service_key
from schemas.names import environment_name, service_name
from schemas.reports import (
    BUILD_REPORT_TYPE,
    AssessmentsReport,
    BuildReport,
    BuildReported,
    CaseOutcome,
    ContractReport,
    CostReport,
    CoverageReport,
    FindingsReport,
    LoadReport,
    TestReport,
)
from schemas.topics import Topic

LARGEST_EVENT_BYTES = 512 * 1024
"""Of a report in an event; a larger one is told without passed cases and line numbers."""

_MOST_IN_AN_EVENT = 1000
"""Failures, findings or files of a report that is too large: a thousand of the longest are below 2 MB."""

_LONGEST_VERSION = 200


def bind_report(
    report: BuildReport,
    *,
    service: str,
    version: str,
    environment: str,
    at: datetime,
    commit: str = "",
    author: str = "",
) -> BuildReported:
    """Return a report bound to its build, with the numbers that it comes to.

    Raises:
        SchemaError: a name cannot be one, or the version is empty.
    """
    return BuildReported(
        service=service_name(service),
        version=version_name(version),
        environment=environment_name(environment),
        at=at,
        report=report,
        commit=commit.strip()[:200],
        author=author.strip()[:200],
    )


def version_name(text: str) -> str:
    """Return a version, without blanks around it.

    Raises:
        SchemaError: it is empty, too long or not printable.
    """
    version = text.strip()
    if not version or len(version) > _LONGEST_VERSION or not version.isprintable():
        raise SchemaError(
            f"version is empty, longer than {_LONGEST_VERSION} characters or not printable, "
            "expected what service.version will say"
        )
    return version


def with_numbers(reported: BuildReported) -> BuildReported:
    """Return the report with what it comes to by itself, such as `tests_failed` and `coverage_ratio`."""
    question = Question(
        service=reported.service,
        version=reported.version,
        environment=reported.environment,
        at=reported.at,
    )
    said = gate(question, (reported.report,), (), limits=Limits(required=()))
    # What concerns the release as a whole, or what is new in it, one file does not say.
    numbers = tuple(
        entry
        for entry in said.indicators
        if entry.name != "failure_chance" and not entry.name.startswith("findings_new")
    )
    return replace(reported, numbers=numbers)


def report_event(reported: BuildReported) -> CloudEvent:
    """Return the event that tells of a report; the same report of the same build is the same event.

    Its id is derived without the instant: a step of a pipeline that runs again says the same thing.
    """
    small = _small(reported)
    return CloudEvent(
        id=derived_id(
            "build-report",
            reported.environment,
            reported.service,
            reported.version,
            reported.report.name,
            reported.report.digest,
        ),
        source="/suture/ci",
        type=BUILD_REPORT_TYPE,
        time=reported.at,
        subject=reported.service,
        data=adapter(BuildReported).dump_python(small, mode="json"),
    )


def report_message(reported: BuildReported) -> Message:
    """Return the message for the topic `cdevents`, in the service's place."""
    value, headers = write_record(report_event(reported))
    key = service_key(EnvironmentName(reported.environment), ServiceName(reported.service))
    return Message(topic=Topic.CDEVENTS, key=key.encode(), value=value, headers=tuple(headers))


def _small(reported: BuildReported) -> BuildReported:
    """Return what fits into an event: the whole report, or what is worst in it; `numbers` has the sums."""
    if len(to_json(reported)) <= LARGEST_EVENT_BYTES:
        return reported
    report = without_line_numbers(reported.report)
    match report.content:
        case TestReport() as tests:
            cases = [case for case in tests.cases if case.outcome is not CaseOutcome.PASSED or case.is_flaky]
            report = replace(report, content=replace(tests, cases=tuple(cases[:_MOST_IN_AN_EVENT])))
        case CoverageReport() as coverage:
            report = replace(report, content=replace(coverage, files=coverage.files[:_MOST_IN_AN_EVENT]))
        case FindingsReport() as found:
            # Worst first.
            report = replace(report, content=replace(found, findings=found.findings[:_MOST_IN_AN_EVENT]))
        case AssessmentsReport() as said:
            kept = said.assessments[:_MOST_IN_AN_EVENT]
            report = replace(report, content=replace(said, assessments=kept))
        case LoadReport() as load:
            broken = load.broken_thresholds[:_MOST_IN_AN_EVENT]
            report = replace(report, content=replace(load, broken_thresholds=broken))
        case ContractReport() as contracts:
            broken = contracts.broken[:_MOST_IN_AN_EVENT]
            report = replace(report, content=replace(contracts, broken=broken))
        case CostReport():
            pass
        case _:
            assert_never(report.content)
    return replace(reported, report=report, is_whole=False)
