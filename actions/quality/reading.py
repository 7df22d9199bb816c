"""One file of a build's tool in, one report out: the format is told by what is in it, never by its name."""

import hashlib
from collections.abc import Callable
from pathlib import PurePath
from typing import NamedTuple
from xml.etree.ElementTree import Element

from actions.quality.readers.cobertura import is_cobertura, is_jacoco, read_cobertura, read_jacoco
from actions.quality.readers.coverage_py import is_coverage_py, read_coverage_py
from actions.quality.readers.fields import clean
from actions.quality.readers.infracost import is_infracost, read_infracost
from actions.quality.readers.junit import ROOTS, read_junit
from actions.quality.readers.k6 import is_k6, read_k6
from actions.quality.readers.lcov import is_lcov, read_lcov
from actions.quality.readers.openvex import is_openvex, read_openvex
from actions.quality.readers.package_audits import (
    is_npm_audit,
    is_pip_audit,
    read_npm_audit,
    read_pip_audit,
)
from actions.quality.readers.pact import is_pact, read_pact
from actions.quality.readers.sarif import is_sarif, read_sarif
from actions.quality.readers.trivy import is_grype, is_trivy, read_grype, read_trivy
from actions.quality.readers.xml_tree import read_tree
from schemas.errors import SchemaError
from schemas.foreign_json import Json, kind_of, read_json
from schemas.reports import BuildReport, ReportContent, ReportFormat

LARGEST_BYTES = 32 * 1024 * 1024
"""Of one file. A JUnit report of 100,000 cases is about 20 MB."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _JsonFormat(NamedTuple):
    format: ReportFormat
    recognises: Callable[[dict[str, Json]], bool]
    read: Callable[[dict[str, Json]], ReportContent]


class _XmlFormat(NamedTuple):
    format: ReportFormat
    recognises: Callable[[Element], bool]
    read: Callable[[Element], ReportContent]


# The first that recognises a file reads it; no file of the examples is recognised by two.
JSON_FORMATS = (
    _JsonFormat(ReportFormat.SARIF, is_sarif, read_sarif),
    _JsonFormat(ReportFormat.TRIVY, is_trivy, read_trivy),
    _JsonFormat(ReportFormat.GRYPE, is_grype, read_grype),
    _JsonFormat(ReportFormat.NPM_AUDIT, is_npm_audit, read_npm_audit),
    _JsonFormat(ReportFormat.PIP_AUDIT, is_pip_audit, read_pip_audit),
    _JsonFormat(ReportFormat.OPENVEX, is_openvex, read_openvex),
    _JsonFormat(ReportFormat.COVERAGE_PY, is_coverage_py, read_coverage_py),
    _JsonFormat(ReportFormat.INFRACOST, is_infracost, read_infracost),
    _JsonFormat(ReportFormat.K6, is_k6, read_k6),
    _JsonFormat(ReportFormat.PACT, is_pact, read_pact),
)
XML_FORMATS = (
    _XmlFormat(ReportFormat.JUNIT, lambda root: root.tag in ROOTS, read_junit),
    _XmlFormat(ReportFormat.COBERTURA, is_cobertura, read_cobertura),
    _XmlFormat(ReportFormat.JACOCO, is_jacoco, read_jacoco),
)
_KNOWN = ", ".join(format_.value for format_ in ReportFormat)


def read_report(data: bytes, name: str) -> BuildReport:
    """Return what a file of a build's tool says.

    Args:
        data: The whole file.
        name: What it is called; its folder is left out.

    Raises:
        SchemaError: it is too large, torn, hostile or of no known format; the message begins with the
            name and says what was seen and what was expected, never what stood in the file.
    """
    shown = clean(PurePath(name).name) or "the report"
    if len(data) > LARGEST_BYTES:
        raise SchemaError(f"{shown}: has {len(data)} bytes, expected at most {LARGEST_BYTES}")
    try:
        format_, content = _read(data.removeprefix(_BYTE_ORDER_MARK))
    except SchemaError as error:
        raise SchemaError(f"{shown}: {error}") from error
    return BuildReport(
        format=format_,
        name=shown,
        digest=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        content=content,
    )


def _read(data: bytes) -> tuple[ReportFormat, ReportContent]:
    start = data.lstrip()[:1]
    if not start:
        raise SchemaError("is empty, expected a report")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:64]:
        raise SchemaError("is binary or UTF-16, expected UTF-8 text")
    if start == b"<":
        root = read_tree(data.lstrip())
        for xml in XML_FORMATS:
            if xml.recognises(root):
                return xml.format, xml.read(root)
        raise SchemaError(f"is XML with another root or content than known, expected one of {_KNOWN}")
    if start in (b"{", b"["):
        top = read_json(data, "it")
        if not isinstance(top, dict):
            raise SchemaError(f"is JSON, {kind_of(top)}, expected an object of one of {_KNOWN}")
        for json in JSON_FORMATS:
            if json.recognises(top):
                return json.format, json.read(top)
        raise SchemaError(f"is a JSON object of no known format, expected one of {_KNOWN}")
    if is_lcov(data):
        return ReportFormat.LCOV, read_lcov(data)
    raise SchemaError(f"is neither XML, JSON nor an LCOV tracefile, expected one of {_KNOWN}")
