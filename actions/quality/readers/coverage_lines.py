"""Lines that ran, collected over records: one file may stand in several, and ran if it did in any."""

from actions.quality.readers.fields import clean, require_few
from schemas.errors import SchemaError
from schemas.reports import CoverageReport, FileCoverage

_MOST_LINES = 5_000_000


class CoveredLines:
    """Collects lines by file.

    Raises:
        SchemaError: there are more lines or files than any program has.
    """

    def __init__(self) -> None:
        self._ran: dict[str, dict[int, bool]] = {}
        self._count = 0

    def file(self, path: str) -> dict[int, bool]:
        """Return the lines of a file so far, from number to whether it ran."""
        name = clean(path.replace("\\", "/"))
        if not name:
            raise SchemaError("coverage of a file without a name")
        require_few(len(self._ran), "coverage report")
        return self._ran.setdefault(name, {})

    def add(self, lines: dict[int, bool], number: int, ran: bool) -> None:
        """Learn of one line of a file that `file` returned."""
        if number not in lines:
            self._count += 1
            if self._count > _MOST_LINES:
                raise SchemaError(f"coverage report has more than {_MOST_LINES} lines")
        lines[number] = lines.get(number, False) or ran

    def report(self) -> CoverageReport:
        """Return what was collected, by path."""
        files = []
        for path in sorted(self._ran):
            lines = self._ran[path]
            covered = tuple(number for number in sorted(lines) if lines[number])
            missed = tuple(number for number in sorted(lines) if not lines[number])
            files.append(
                FileCoverage(
                    path=path,
                    covered=covered,
                    missed=missed,
                    covered_count=len(covered),
                    total_count=len(lines),
                )
            )
        return CoverageReport(files=tuple(files))
