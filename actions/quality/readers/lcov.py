"""LCOV tracefiles: `SF`, `DA` and `end_of_record`; the sums `LF` and `LH` are counted anew.

Source: geninfo(1), section "Files".
"""

from actions.quality.readers.coverage_lines import CoveredLines
from actions.quality.readers.fields import decimal_text, line_number
from schemas.errors import SchemaError
from schemas.reports import CoverageReport


def is_lcov(data: bytes) -> bool:
    """Return whether the text begins as a tracefile does: with a test's or a file's name."""
    for line in data[:4096].splitlines():
        if line.strip() and not line.startswith(b"#"):
            return line.startswith((b"TN:", b"SF:"))
    return False


def read_lcov(data: bytes) -> CoverageReport:
    """Return line coverage by file; a file of several records ran where it did in any of them.

    Raises:
        SchemaError: it is not UTF-8, a line stands outside a record, or a record does not end.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SchemaError("LCOV tracefile is not UTF-8") from error
    lines = CoveredLines()
    file: dict[int, bool] | None = None
    for place, line in enumerate(text.split("\n"), start=1):
        tag, _, value = line.strip().partition(":")
        if tag == "SF":
            if file is not None:
                raise SchemaError(f"line {place} begins a record of LCOV within another")
            file = lines.file(value)
        elif tag == "DA":
            if file is None:
                raise SchemaError(f"line {place} of the LCOV tracefile stands outside a record")
            number, comma, rest = value.partition(",")
            if not comma:
                raise SchemaError(f"line {place} of the LCOV tracefile has no hits")
            hits = decimal_text(rest.partition(",")[0], f"hits in line {place}")
            found = decimal_text(number, f"line number in line {place}")
            lines.add(file, line_number(found, f"line number in line {place}"), hits > 0)
        elif tag == "end_of_record":
            file = None
    if file is not None:
        raise SchemaError("LCOV tracefile ends within a record, expected end_of_record")
    return lines.report()
