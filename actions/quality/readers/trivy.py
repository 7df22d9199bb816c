"""Trivy's and Grype's own JSON: vulnerabilities by package; of Trivy, misconfigurations and secrets too.

Sources: aquasecurity/trivy, report schema version 2; anchore/grype, JSON presenter.
"""

from collections.abc import Iterator

from actions.quality.readers.fields import list_of, object_of, objects_of, optional_text, text_of
from actions.quality.readers.severities import findings_report, severity_of
from schemas.errors import SchemaError
from schemas.foreign_json import Json
from schemas.reports import Finding, FindingsReport

_NOT_AFFECTED = "not_affected"


def is_trivy(top: dict[str, Json]) -> bool:
    """Return whether it is a report of Trivy; `Results` is left out of a report that found nothing."""
    return "SchemaVersion" in top and ("Results" in top or "ArtifactName" in top)


def is_grype(top: dict[str, Json]) -> bool:
    """Return whether it is a report of Grype."""
    return "matches" in top and ("source" in top or "descriptor" in top)


def read_trivy(top: dict[str, Json]) -> FindingsReport:
    """Return what Trivy found. A misconfiguration's `Status` is a result, a vulnerability's is not.

    Raises:
        SchemaError: another schema version than 2, or an entry without id.
    """
    if top.get("SchemaVersion") != 2:
        raise SchemaError("SchemaVersion of the Trivy report is not 2")
    found: list[Finding] = []
    ruled_out = 0
    for result in objects_of(top, "Results", "the Trivy report"):
        for entry in objects_of(result, "Vulnerabilities", "a result of Trivy"):
            if optional_text(entry, "Status", "a vulnerability") == _NOT_AFFECTED:
                ruled_out += 1
            else:
                found.append(_vulnerability(entry))
        found.extend(_own(result))
        ruled_out += len(list_of(result, "ExperimentalModifiedFindings", "a result of Trivy"))
    return findings_report(found, ruled_out)


def _vulnerability(entry: dict[str, Json]) -> Finding:
    fixed = optional_text(entry, "FixedVersion", "a vulnerability")
    return Finding(
        id=text_of(entry, "VulnerabilityID", "a vulnerability"),
        severity=severity_of(optional_text(entry, "Severity", "a vulnerability")),
        package=optional_text(entry, "PkgName", "a vulnerability"),
        version=optional_text(entry, "InstalledVersion", "a vulnerability"),
        fixed_version=fixed,
        has_fix=bool(fixed),
    )


def _own(result: dict[str, Json]) -> Iterator[Finding]:
    """Return what stands in our own files, which is always ours to fix."""
    target = optional_text(result, "Target", "a result of Trivy")
    for entry in objects_of(result, "Misconfigurations", "a result of Trivy"):
        if optional_text(entry, "Status", "a misconfiguration") == "FAIL":
            yield Finding(
                id=text_of(entry, "ID", "a misconfiguration"),
                severity=severity_of(optional_text(entry, "Severity", "a misconfiguration")),
                package=target,
                has_fix=True,
            )
    for entry in objects_of(result, "Secrets", "a result of Trivy"):
        yield Finding(
            id=text_of(entry, "RuleID", "a secret"),
            severity=severity_of(optional_text(entry, "Severity", "a secret")),
            package=target,
            has_fix=True,
        )


def read_grype(top: dict[str, Json]) -> FindingsReport:
    """Return what Grype found; what its ignore rules or a VEX document took away is counted apart.

    Raises:
        SchemaError: a match has no vulnerability's id.
    """
    found = []
    for match in objects_of(top, "matches", "the Grype report"):
        entry = object_of(match, "vulnerability", "a match")
        artifact = object_of(match, "artifact", "a match")
        fix = object_of(entry, "fix", "a vulnerability")
        versions = [version for version in list_of(fix, "versions", "a fix") if isinstance(version, str)]
        found.append(
            Finding(
                id=text_of(entry, "id", "a vulnerability"),
                severity=severity_of(optional_text(entry, "severity", "a vulnerability")),
                package=optional_text(artifact, "name", "an artifact"),
                version=optional_text(artifact, "version", "an artifact"),
                fixed_version=optional_text({"version": ", ".join(versions[:5])}, "version", "a fix"),
                has_fix=optional_text(fix, "state", "a fix") == "fixed" or bool(versions),
            )
        )
    return findings_report(found, len(list_of(top, "ignoredMatches", "the Grype report")))
