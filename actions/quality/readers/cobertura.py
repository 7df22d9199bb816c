"""Cobertura XML and JaCoCo XML: line coverage as counts of lines, since the rates in them are rounded."""

from xml.etree.ElementTree import Element

from actions.quality.readers.coverage_lines import CoveredLines
from actions.quality.readers.fields import decimal_text, line_number
from schemas.errors import SchemaError
from schemas.reports import CoverageReport


def is_cobertura(root: Element) -> bool:
    """Return whether it is Cobertura's `coverage` and not Clover's, which shares the tag."""
    return root.tag == "coverage" and (root.get("line-rate") is not None or root.find("packages") is not None)


def is_jacoco(root: Element) -> bool:
    """Return whether it is JaCoCo's `report`."""
    return root.tag == "report" and any(
        root.find(tag) is not None for tag in ("package", "group", "counter", "sessioninfo")
    )


def read_cobertura(root: Element) -> CoverageReport:
    """Return line coverage by file; a file of several classes has the lines of all of them.

    Source: Cobertura's coverage-04.dtd, as coverage.py writes it. The methods' lines are left out: they
    stand among their class's as well.

    Raises:
        SchemaError: a class has no file, or a line no number or hits.
    """
    lines = CoveredLines()
    for element in root.iter("class"):
        name = element.get("filename")
        if not name:
            raise SchemaError("a class of the Cobertura report has no filename")
        file = lines.file(name)
        for line in element.iterfind("lines/line"):
            number = _number(line, "number")
            hits = decimal_text(line.get("hits", ""), "hits of a line")
            lines.add(file, number, hits > 0)
    return lines.report()


def read_jacoco(root: Element) -> CoverageReport:
    """Return line coverage by source file, named `package/File.java` as its package is.

    A line of which any instruction ran has run. Groups may nest.

    Source: JaCoCo's report.dtd 1.1: `line` has `nr`, missed (`mi`) and covered (`ci`) instructions.

    Raises:
        SchemaError: a source file has no name, or a line no number or counts.
    """
    lines = CoveredLines()
    for package in root.iter("package"):
        folder = package.get("name", "")
        for source in package.iterfind("sourcefile"):
            name = source.get("name")
            if not name:
                raise SchemaError("a sourcefile of the JaCoCo report has no name")
            file = lines.file(f"{folder}/{name}" if folder else name)
            for line in source.iterfind("line"):
                covered = decimal_text(line.get("ci", ""), "ci of a line")
                lines.add(file, _number(line, "nr"), covered > 0)
    return lines.report()


def _number(line: Element, attribute: str) -> int:
    number = decimal_text(line.get(attribute, ""), f"{attribute} of a line")
    return line_number(number, f"{attribute} of a line")
