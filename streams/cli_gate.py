"""Commands of the pre-deploy gate: `suture ci report`, `gate`, `accept`, `invalidate` and `stages`."""

import json as json_text
import sys
from dataclasses import replace
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from actions.quality.builds import build_of
from actions.quality.gate import Question
from actions.quality.gate import gate as judge_build
from actions.quality.keptn_file import load_objectives
from actions.quality.limits import Limits
from actions.quality.limits_file import load_limits
from actions.quality.reading import read_report
from actions.quality.stages import StageAction, StageRule, combine_stages, smoke_outcome
from actions.quality.unified_diff import read_diff
from feature_store.gate_history import GateHistory, GateHistoryFiles
from schemas.codec import to_json
from schemas.errors import SettingsError
from schemas.judgements import VerdictKind
from schemas.keys import EnvironmentName, ServiceName
from schemas.names import environment_name, service_name
from schemas.observation_messages import observation_message
from schemas.quality import BuildAssessed, Change, GateOutcome, GateResult, PastBuild, Ruling, RulingKind
from schemas.reports import BuildReported
from schemas.topics import Topic
from streams import clock
from streams.build_reports import bind_report, report_message, version_name, with_numbers
from streams.gate_tables import print_reports, print_result
from streams.report_contents import contents_of
from streams.settings import Settings, read_settings

EXIT_CODES = {GateOutcome.PASS: 0, GateOutcome.FAIL: 1, GateOutcome.HOLD: 2, GateOutcome.WARN: 5}
"""What a pipeline sees. 2 is also what is given for input that is not understood: it must not go on."""

_STAGE_CODES = {StageAction.GO_ON: 0, StageAction.ROLL_BACK: 1, StageAction.HOLD: 2}

Service = Annotated[str, typer.Option(help="service.name, as its telemetry says it.")]
Version = Annotated[str, typer.Option(help="service.version that the build will have.")]
Environment = Annotated[str, typer.Option(help="deployment.environment.name that it is meant for.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str, typer.Option(help="Who says so.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Reports of the build's tools.")]


class RequiredPart(StrEnum):
    """Parts that a pipeline may insist on."""

    TESTS = "tests"
    FINDINGS = "findings"
    CONTRACTS = "contracts"
    COVERAGE = "coverage"
    LOAD = "load"
    COST = "cost"


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (report, gate, accept, invalidate, stages):
        app.command()(command)


def report(
    files: Files,
    service: Service,
    version: Version,
    environment: Environment,
    commit: Annotated[str, typer.Option(help="Revision of the source.")] = "",
    author: Annotated[str, typer.Option(help="Who wrote the change.")] = "",
    json: Json = False,
) -> None:
    """Hand in reports of a build: JUnit, coverage, SARIF, Trivy, Grype, audits, Infracost, k6, Pact, VEX.

    What each file is, is told by what is in it. All are kept, or none if one is refused; with
    KAFKA_BOOTSTRAP set they are published to `cdevents` as well.
    """
    settings = read_settings()
    at = clock.now()
    reported = [
        with_numbers(
            bind_report(
                read_report(contents_of(file), file.name),
                service=service,
                version=version,
                environment=environment,
                at=at,
                commit=commit,
                author=author,
            )
        )
        for file in files
    ]
    history = _history(settings)
    for entry in reported:
        history.add_report(entry)
    is_published = _publish(settings, reported)
    if json:
        _print_json([_summary(entry, is_published=is_published) for entry in reported])
        return
    print_reports(Console(), reported)
    where = "kept and published" if is_published else "kept; not published, KAFKA_BOOTSTRAP is not set"
    typer.echo(f"{len(reported)} reports of {service} {version} in {environment} {where}")


def gate(
    service: Service,
    version: Version,
    environment: Environment,
    slo: Annotated[Path | None, typer.Option(help="Objectives, as Keptn's slo.yaml writes them.")] = None,
    diff: Annotated[
        Path | None,
        typer.Option(help="Unified diff of the change, as git diff writes it; - for standard input."),
    ] = None,
    sli: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of an indicator from elsewhere.")] = None,
    require: Annotated[
        list[RequiredPart] | None, typer.Option(help="Hold unless this was reported; default: tests.")
    ] = None,
    limits: Annotated[Path | None, typer.Option(help="YAML file of limits and weights.")] = None,
    json: Json = False,
) -> None:
    """Say whether a build may be deployed. Exit codes: 0 pass, 1 fail, 2 hold, 5 warn.

    2 also means that a file or an option was not understood: in both cases a human is asked.
    """
    settings = read_settings()
    place, name, of = environment_name(environment), service_name(service), version_name(version)
    history = _history(settings)
    builds = history.builds(place, name)
    build = next((known for known in builds if known.version == of), None)
    question = _question(settings, place, name, of, build, builds, diff, sli or [])
    known_limits = Limits() if limits is None else load_limits(limits)
    result = judge_build(
        question,
        () if build is None else build.reports,
        builds,
        None if slo is None else load_objectives(slo),
        replace(known_limits, required=tuple(part.value for part in require)) if require else known_limits,
    )
    if build is not None:
        history.add_result(result)
    _tell(settings, result, question)
    if json:
        sys.stdout.buffer.write(to_json(result) + b"\n")
    else:
        print_result(Console(), result)
        if build is None:
            known = ", ".join(past.version for past in builds[-3:]) or "none"
            typer.echo(
                f"nothing was reported of {of} with `suture ci report`; newest known versions: {known}"
            )
    raise typer.Exit(EXIT_CODES[result.outcome])


def accept(service: Service, version: Version, environment: Environment, by: By, reason: Reason) -> None:
    """Take a held or failed build as good: the gate passes it, and later builds are compared with it.

    A report that comes afterwards takes the word back: it was given without knowing of it.
    """
    _rule(RulingKind.ACCEPTED, service, version, environment, by, reason)


def invalidate(service: Service, version: Version, environment: Environment, by: By, reason: Reason) -> None:
    """Take a past result out of every comparison, such as that of a load test on a broken machine."""
    _rule(RulingKind.INVALIDATED, service, version, environment, by, reason)


def stages(
    verdict: Annotated[VerdictKind, typer.Option(help="What Suture holds of the running release.")],
    rule: Annotated[
        StageRule, typer.Option(help="What must fail before it is rolled back.")
    ] = StageRule.BOTH,
    smoke: Annotated[list[Path] | None, typer.Option(help="JUnit results of its smoke test.")] = None,
    json: Json = False,
) -> None:
    """Weigh a verdict and a smoke test. Exit codes: 0 go on, 1 roll back, 2 hold or not understood."""
    build = build_of(read_report(contents_of(file), file.name) for file in smoke or [])
    decision = combine_stages(verdict, smoke_outcome(build), rule)
    if json:
        sys.stdout.buffer.write(to_json(decision) + b"\n")
    else:
        typer.echo(f"{decision.action.value.replace('_', ' ')}: {decision.why}")
    raise typer.Exit(_STAGE_CODES[decision.action])


def _rule(kind: RulingKind, service: str, version: str, environment: str, by: str, reason: str) -> None:
    if not by.strip() or not reason.strip():
        raise SettingsError("by or reason is empty, expected who rules and why")
    ruling = Ruling(
        service=service_name(service),
        version=version_name(version),
        environment=environment_name(environment),
        at=clock.now(),
        kind=kind,
        by=by.strip()[:200],
        reason=reason.strip()[:1000],
    )
    _history(read_settings()).add_ruling(ruling)
    typer.echo(f"{ruling.version} of {ruling.environment}/{ruling.service} is {kind.value}, says {ruling.by}")


def _question(
    settings: Settings,
    environment: EnvironmentName,
    service: ServiceName,
    version: str,
    build: PastBuild | None,
    builds: tuple[PastBuild, ...],
    diff: Path | None,
    sli: list[str],
) -> Question:
    # Imported here: DuckDB takes a while, and a pipeline that only reports needs none.
    from streams.release_records import read_records, read_risk

    author = build.author if build is not None else ""
    authored = [past.version for past in builds if author and past.author == author]
    of_service, of_author = read_records(settings.journal, environment, service, authored)
    at = clock.now()
    champion, features = read_risk(settings.journal, environment, service, version, author, at)
    change = Change(author=author) if diff is None else read_diff(contents_of(diff), author)
    return Question(
        service=service,
        version=version,
        environment=environment,
        at=at,
        commit=build.commit if build is not None else "",
        change=change,
        champion=champion,
        features=features,
        service_record=of_service,
        author_record=of_author,
        values=dict(_indicator(text) for text in sli),
        ruling=None if build is None else build.valid_ruling,
    )


def _indicator(text: str) -> tuple[str, float]:
    """Return name and value of NAME=VALUE.

    >>> _indicator("response_time_p95=412.5")
    ('response_time_p95', 412.5)
    """
    name, equals, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not equals or not name.strip() or not isfinite(number):
        raise SettingsError(f"--sli is {text!r}, expected NAME=VALUE with a finite number")
    return name.strip(), number


def _history(settings: Settings) -> GateHistory:
    return GateHistoryFiles(settings.data / "gate")


def _publish(settings: Settings, reported: list[BuildReported]) -> bool:
    """Publish reports where a Kafka is configured, and return whether it was."""
    if not settings.bootstrap:
        return False
    # Imported here: without Kafka none of it is needed.
    from streams.cli_parts import connected
    from streams.kafka_log import LogWriter

    connected(settings)
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        for entry in reported:
            writer.send(report_message(entry))
        writer.flush()
    return True


def _tell(settings: Settings, result: GateResult, question: Question) -> None:
    """Put onto the log what was said of a build, where a Kafka is configured: models learn from it."""
    if not settings.bootstrap:
        return
    # Imported here: without Kafka none of it is needed.
    from streams.cli_parts import connected
    from streams.kafka_log import LogWriter

    assessed = BuildAssessed(
        environment=result.environment,
        service=result.service,
        version=result.version,
        at=result.at,
        outcome=result.outcome,
        score=result.score,
        failure_chance=result.failure_chance,
        model=result.risk_model,
        indicators=result.indicators,
        commit=question.commit,
        author=question.change.author,
    )
    connected(settings)
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        writer.send(observation_message(Topic.ENVIRONMENT_OBSERVATIONS, assessed.environment, assessed))
        writer.flush()


def _summary(entry: BuildReported, *, is_published: bool) -> dict[str, object]:
    return {
        "file": entry.report.name,
        "format": entry.report.format.value,
        "about": entry.report.content.kind,
        "digest": entry.report.digest,
        "bytes": entry.report.size_bytes,
        "numbers": {indicator.name: indicator.value for indicator in entry.numbers},
        "is_published": is_published,
    }


def _print_json(value: object) -> None:
    typer.echo(json_text.dumps(value, indent=2))
