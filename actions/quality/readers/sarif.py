"""SARIF 2.1.0: results of any static analysis or scanner that writes it.

Source: OASIS SARIF 2.1.0, sections 3.27 (result), 3.49 (reportingDescriptor), 3.50
(reportingConfiguration); `security-severity` is GitHub's property of a rule, a CVSS score as text.
"""

import re
from dataclasses import dataclass, replace

from actions.quality.readers.fields import clean, decimal_text, list_of, object_of, objects_of, optional_text
from actions.quality.readers.severities import findings_report, severity_of_score
from schemas.errors import SchemaError
from schemas.foreign_json import Json, require_object
from schemas.reports import Finding, FindingsReport, Severity

_LEVELS = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW, "none": Severity.LOW}
_NO_FINDING = ("pass", "open", "informational", "notApplicable", "review")
# Trivy and Grype write what they know of a package into the text, in lines of this form.
_PACKAGE = re.compile(r"^Package: (\S{1,200})$", re.MULTILINE)
_VERSION = re.compile(r"^(?:Installed )?Version: (\S{1,200})$", re.MULTILINE)
_FIX = re.compile(r"^(?:Fixed Version|Fix Version): (\S[^\n]{0,200})$", re.MULTILINE)


def is_sarif(top: dict[str, Json]) -> bool:
    """Return whether it is a SARIF log."""
    return isinstance(top.get("runs"), list) and "version" in top


def read_sarif(top: dict[str, Json]) -> FindingsReport:
    """Return the results that are findings: `kind` fail, not absent from the build, not suppressed.

    Raises:
        SchemaError: another version than 2.1.0, or a result without a rule.
    """
    if top.get("version") != "2.1.0":
        raise SchemaError("version of the SARIF log is not 2.1.0")
    found = []
    suppressed = 0
    for run in objects_of(top, "runs", "the SARIF log"):
        rules = _rules(run)
        for result in objects_of(run, "results", "a run"):
            kind = optional_text(result, "kind", "a result")
            if kind in _NO_FINDING or result.get("baselineState") == "absent":
                continue
            if _is_suppressed(result):
                suppressed += 1
            else:
                found.append(_finding(result, rules))
    return findings_report(found, suppressed)


def _is_suppressed(result: dict[str, Json]) -> bool:
    """Return whether somebody took the result out; a suppression may still wait for its review."""
    given = [entry.get("status", "accepted") for entry in objects_of(result, "suppressions", "a result")]
    return bool(given) and all(status == "accepted" for status in given)


@dataclass(frozen=True, slots=True)
class _Rules:
    """A run's rules, by place and by id."""

    listed: list[dict[str, Json]]
    by_id: dict[str, dict[str, Json]]


def _rules(run: dict[str, Json]) -> _Rules:
    driver = object_of(object_of(run, "tool", "a run"), "driver", "a tool")
    listed = list(objects_of(driver, "rules", "a tool's driver"))
    return _Rules(listed, {name: rule for rule in listed if isinstance(name := rule.get("id"), str)})


def _finding(result: dict[str, Json], rules: _Rules) -> Finding:
    rule = _rule(result, rules)
    rule_id = optional_text(result, "ruleId", "a result") or optional_text(rule, "id", "a rule")
    if not rule_id:
        raise SchemaError("a result of the SARIF log names no rule")
    said = _text(object_of(result, "message", "a result")) + "\n" + _text(object_of(rule, "help", "a rule"))
    uri = _uri(result)
    package = _PACKAGE.search(said)
    fix = _FIX.search(said)
    version = _VERSION.search(said)
    finding = Finding(
        id=rule_id,
        severity=_severity(result, rule),
        package=uri,
        # What a rule finds in our own code is ours to fix.
        has_fix=True,
        is_reachable=_reachable(result),
        is_new=_is_new(result),
    )
    if package is None:
        return finding
    return replace(
        finding,
        package=clean(package[1]),
        version=clean(version[1]) if version else "",
        fixed_version=clean(fix[1]) if fix else "",
        has_fix=fix is not None,
    )


def _rule(result: dict[str, Json], rules: _Rules) -> dict[str, Json]:
    """Return the rule by the result's index, else by its id, else an empty one."""
    inner = object_of(result, "rule", "a result")
    index = result.get("ruleIndex", inner.get("index"))
    if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(rules.listed):
        return rules.listed[index]
    wanted = result.get("ruleId", inner.get("id"))
    return rules.by_id.get(wanted, {}) if isinstance(wanted, str) else {}


def _severity(result: dict[str, Json], rule: dict[str, Json]) -> Severity:
    score = object_of(rule, "properties", "a rule").get("security-severity")
    if isinstance(score, str) and score.strip():
        return severity_of_score(decimal_text(score, "security-severity of a rule"))
    level = optional_text(result, "level", "a result") or optional_text(
        object_of(rule, "defaultConfiguration", "a rule"), "level", "a rule"
    )
    return _LEVELS.get(level or "warning", Severity.UNKNOWN)


def _is_new(result: dict[str, Json]) -> bool | None:
    match result.get("baselineState"):
        case "new":
            return True
        case "unchanged" | "updated":
            return False
        case _:
            return None


def _reachable(result: dict[str, Json]) -> bool | None:
    """Return what the tool's property bag says; the standard has no field for it."""
    value = object_of(result, "properties", "a result").get("reachable")
    return value if isinstance(value, bool) else None


def _uri(result: dict[str, Json]) -> str:
    for location in list_of(result, "locations", "a result"):
        physical = object_of(require_object(location, "a location"), "physicalLocation", "a location")
        artifact = object_of(physical, "artifactLocation", "a location")
        if uri := optional_text(artifact, "uri", "an artifact's location"):
            return uri
    return ""


def _text(message: dict[str, Json]) -> str:
    """Return a message's text with its lines, for reading only: none of it is kept whole."""
    value = message.get("text")
    return value[:4096] if isinstance(value, str) else ""
