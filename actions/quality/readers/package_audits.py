"""`npm audit --json` (report versions 1 and 2) and `pip-audit --format json`.

Sources: npm's @npmcli/arborist, lib/vuln.js `toJSON`; pip-audit 2.10, _format/json.py.
"""

from actions.quality.readers.fields import clean, list_of, object_of, objects_of, optional_text, text_of
from actions.quality.readers.severities import findings_report, severity_of
from schemas.errors import SchemaError
from schemas.foreign_json import Json, require_object
from schemas.reports import Finding, FindingsReport, Severity


def is_npm_audit(top: dict[str, Json]) -> bool:
    """Return whether it is a report of npm: of version 7 and later, or of version 6 with advisories."""
    return "auditReportVersion" in top or (isinstance(top.get("advisories"), dict) and "metadata" in top)


def is_pip_audit(top: dict[str, Json]) -> bool:
    """Return whether it is a report of pip-audit."""
    entries = top.get("dependencies")
    if not isinstance(entries, list) or "fixes" not in top:
        return False
    return all(isinstance(entry, dict) and ("vulns" in entry or "skip_reason" in entry) for entry in entries)


def read_npm_audit(top: dict[str, Json]) -> FindingsReport:
    """Return advisories by the package that they are on.

    A package that is only affected through another has that other's name in `via`: the advisory itself
    is told once, where it is.

    Raises:
        SchemaError: the report's version is unknown, or an entry is not as npm writes it.
    """
    if "auditReportVersion" not in top:
        return _npm_6(top)
    if top["auditReportVersion"] != 2:
        raise SchemaError("auditReportVersion of the npm report is not 2")
    found = []
    for name, value in object_of(top, "vulnerabilities", "the npm report").items():
        entry = require_object(value, "a vulnerability of npm")
        fix = entry.get("fixAvailable")
        if not isinstance(fix, (bool, dict)) and fix is not None:
            raise SchemaError("fixAvailable of a vulnerability of npm is neither a boolean nor an object")
        for via in list_of(entry, "via", "a vulnerability of npm"):
            if isinstance(via, str):
                continue
            advisory = require_object(via, "an advisory of npm")
            found.append(
                Finding(
                    id=_advisory_id(advisory),
                    severity=severity_of(optional_text(advisory, "severity", "an advisory of npm")),
                    package=optional_text(advisory, "name", "an advisory of npm") or clean(name),
                    fixed_version=_fixed_by(fix),
                    has_fix=bool(fix),
                )
            )
    return findings_report(found)


def _fixed_by(fix: Json) -> str:
    """Return what `npm audit fix` would install: the package that pulls it in, with its version."""
    if not isinstance(fix, dict):
        return ""
    name = optional_text(fix, "name", "fixAvailable")
    return f"{name}@{optional_text(fix, 'version', 'fixAvailable')}"


def _advisory_id(advisory: dict[str, Json]) -> str:
    """Return the id at the end of the advisory's address, else npm's own number."""
    tail = optional_text(advisory, "url", "an advisory of npm").rstrip("/").rpartition("/")[2]
    if tail.startswith(("GHSA-", "CVE-")):
        return tail
    source = advisory.get("source", advisory.get("id"))
    if isinstance(source, bool) or not isinstance(source, (int, str)) or source == "":
        raise SchemaError("an advisory of npm has neither an address nor a source")
    return clean(f"npm-{source:.40}" if isinstance(source, str) else f"npm-{source % 10**18}")


def _npm_6(top: dict[str, Json]) -> FindingsReport:
    found = []
    for value in object_of(top, "advisories", "the npm report").values():
        entry = require_object(value, "an advisory of npm")
        fixed = optional_text(entry, "patched_versions", "an advisory of npm")
        # npm 6 writes a range that nothing is in when there is no fix.
        has_fix = fixed not in ("", "<0.0.0")
        found.append(
            Finding(
                id=_advisory_id(entry),
                severity=severity_of(optional_text(entry, "severity", "an advisory of npm")),
                package=text_of(entry, "module_name", "an advisory of npm"),
                fixed_version=fixed if has_fix else "",
                has_fix=has_fix,
            )
        )
    return findings_report(found)


def read_pip_audit(top: dict[str, Json]) -> FindingsReport:
    """Return vulnerabilities by package. pip-audit gives no severity: each is UNKNOWN.

    Raises:
        SchemaError: an entry is not as pip-audit writes it.
    """
    found = []
    for entry in objects_of(top, "dependencies", "the pip-audit report"):
        for vulnerability in objects_of(entry, "vulns", "a dependency"):
            fixes = list_of(vulnerability, "fix_versions", "a vulnerability")
            versions = ", ".join(version for version in fixes[:5] if isinstance(version, str))
            found.append(
                Finding(
                    id=text_of(vulnerability, "id", "a vulnerability"),
                    severity=Severity.UNKNOWN,
                    package=text_of(entry, "name", "a dependency"),
                    version=optional_text(entry, "version", "a dependency"),
                    fixed_version=clean(versions),
                    has_fix=bool(versions),
                )
            )
    return findings_report(found)
