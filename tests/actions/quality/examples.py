"""Example reports: those of the contracts beside the repository, and a few of our own."""

from pathlib import Path

from schemas.reports import ReportFormat

OURS = Path(__file__).parent / "reports"
CONTRACTS = Path(__file__).parents[4] / "shared" / "contracts"

OWN_EXAMPLES = {
    "jacoco.xml": ReportFormat.JACOCO,
    "npm-audit.json": ReportFormat.NPM_AUDIT,
    "npm-6-audit.json": ReportFormat.NPM_AUDIT,
    "pip-audit.json": ReportFormat.PIP_AUDIT,
    "pact.json": ReportFormat.PACT,
}
FOREIGN_EXAMPLES = {
    "gate-inputs/junit/pytest.xml": ReportFormat.JUNIT,
    "gate-inputs/junit/xunit-plugin-testcase1.xml": ReportFormat.JUNIT,
    "gate-inputs/junit/xunit-plugin-testcase3.xml": ReportFormat.JUNIT,
    "gate-inputs/junit/xunit-plugin-testcase5.xml": ReportFormat.JUNIT,
    "gate-inputs/coverage-py/cobertura.xml": ReportFormat.COBERTURA,
    "gate-inputs/coverage-py/coverage.json": ReportFormat.COVERAGE_PY,
    "gate-inputs/coverage-py/coverage.lcov": ReportFormat.LCOV,
    "gate-inputs/sarif/grype-TestSarifPresenter_image.sarif.json": ReportFormat.SARIF,
    "gate-inputs/sarif/grype-TestSarifPresenter_directory.sarif.json": ReportFormat.SARIF,
    "gate-inputs/sarif/trivy-alpine-310.sarif.json": ReportFormat.SARIF,
    "gate-inputs/trivy/dockerfile.json": ReportFormat.TRIVY,
    "gate-inputs/trivy/poetry.json": ReportFormat.TRIVY,
    "gate-inputs/trivy/pipenv.json": ReportFormat.TRIVY,
    "gate-inputs/trivy/debian-buster-ignore-unfixed.json": ReportFormat.TRIVY,
    "gate-inputs/grype/image.json": ReportFormat.GRYPE,
    "gate-inputs/grype/ghsa-test.json": ReportFormat.GRYPE,
    "gate-inputs/openvex/spec-example-0.json": ReportFormat.OPENVEX,
    "gate-inputs/openvex/spec-example-5.json": ReportFormat.OPENVEX,
    "gate-inputs/infracost/breakdown.json": ReportFormat.INFRACOST,
    "gate-inputs/infracost/diff.json": ReportFormat.INFRACOST,
    "gate-inputs/infracost/old-format-2021.json": ReportFormat.INFRACOST,
    "authored/k6-handle-summary.json": ReportFormat.K6,
    "authored/k6-summary-export.json": ReportFormat.K6,
}
NO_REPORTS = (
    "gate-inputs/junit/junit-10.xsd",
    "gate-inputs/sarif/sarif-schema-2.1.0.json",
    "gate-inputs/infracost/infracost.schema.json",
    "gate-inputs/openvex/openvex.schema.json",
    "gate-inputs/cyclonedx/valid-vulnerability-1.6.json",
    "keptn/v1-cloudevents/evaluation-finished.json",
    "kubernetes/kubectl-1.37-requests.json",
)


def own(name: str) -> bytes:
    """Return one of our own examples."""
    return (OURS / name).read_bytes()


def foreign(name: str) -> bytes:
    """Return one of the contracts' examples."""
    return (CONTRACTS / name).read_bytes()


def every_example() -> dict[str, bytes]:
    """Return all examples that are at hand, by name."""
    found = {name: own(name) for name in OWN_EXAMPLES}
    if CONTRACTS.is_dir():
        found |= {name: foreign(name) for name in FOREIGN_EXAMPLES}
    return found
