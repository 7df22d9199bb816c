"""coverage.py's JSON report, formats 2 and 3.

Source: coverage.py, "JSON reporting"; `percent_covered` mixes lines and branches and is not used.
"""

from actions.quality.readers.coverage_lines import CoveredLines
from actions.quality.readers.fields import line_number, list_of, object_of
from schemas.errors import SchemaError
from schemas.foreign_json import Json, require_object
from schemas.reports import CoverageReport


def is_coverage_py(top: dict[str, Json]) -> bool:
    """Return whether the object has the report's three parts."""
    return all(isinstance(top.get(key), dict) for key in ("meta", "files", "totals"))


def read_coverage_py(top: dict[str, Json]) -> CoverageReport:
    """Return line coverage by file.

    Raises:
        SchemaError: the format is newer than known, or a list of lines is none.
    """
    version = object_of(top, "meta", "the coverage report").get("format")
    if version not in (2, 3):
        raise SchemaError("meta.format of the coverage report is not one that is known, expected 2 or 3")
    lines = CoveredLines()
    for path, entry in object_of(top, "files", "the coverage report").items():
        found = require_object(entry, "a file of the coverage report")
        file = lines.file(path)
        for key, ran in (("executed_lines", True), ("missing_lines", False)):
            for number in list_of(found, key, "a file of the coverage report"):
                lines.add(file, line_number(number, f"an entry of {key}"), ran)
    return lines.report()
