"""JUnit XML: cases are counted, the `tests` and `failures` attributes of suites are not believed.

Source: the de facto schema (contracts of Jenkins' xunit plugin, Surefire's `flakyFailure` and
`rerunFailure`), read with junitparser over a tree that defusedxml made.
"""

from xml.etree.ElementTree import Element

from junitparser import xunit2

from actions.quality.readers.fields import clean, decimal_text, require_few
from schemas.errors import SchemaError
from schemas.reports import CaseOutcome, CaseResult, TestReport

ROOTS = ("testsuites", "testsuite")
_REPEATED = ("flakyFailure", "flakyError", "rerunFailure", "rerunError", "rerun")


def read_junit(root: Element) -> TestReport:
    """Return the results of every test case of a file, suites within suites as well.

    Raises:
        SchemaError: a case has no name, or there are too many.
    """
    cases: list[CaseResult] = []
    # A stack instead of recursion: how deep suites nest is the file's choice.
    waiting: list[tuple[Element, str]] = [(root, clean(root.get("name", "")))]
    while waiting:
        element, suite = waiting.pop()
        inner: list[tuple[Element, str]] = []
        for child in element:
            if child.tag == "testcase":
                cases.append(_case(child, suite))
            elif child.tag in ROOTS:
                inner.append((child, clean(child.get("name", "")) or suite))
        waiting.extend(reversed(inner))
    require_few(len(cases), "JUnit report")
    return TestReport(cases=tuple(cases))


def _case(element: Element, suite: str) -> CaseResult:
    name = clean(element.get("name", ""))
    if not name:
        raise SchemaError("a testcase has no name")
    found = xunit2.TestCase.fromelem(element)  # type: ignore[no-untyped-call]  # junitparser leaves it untyped
    if found.is_error:
        outcome = CaseOutcome.ERROR
    elif found.is_failure:
        outcome = CaseOutcome.FAILED
    elif found.is_skipped:
        outcome = CaseOutcome.SKIPPED
    else:
        outcome = CaseOutcome.PASSED
    was_repeated = any(child.tag in _REPEATED for child in element)
    return CaseResult(
        suite=suite,
        class_name=clean(element.get("classname", "")),
        name=name,
        outcome=outcome,
        seconds=_seconds(element.get("time")),
        is_flaky=was_repeated and outcome is CaseOutcome.PASSED,
    )


def _seconds(text: str | None) -> float | None:
    """Return a duration; some runners group thousands with commas, some write nothing.

    >>> _seconds("1,234.5"), _seconds("")
    (1234.5, None)
    """
    if text is None or not text.strip():
        return None
    seconds = decimal_text(text.replace(",", ""), "time of a testcase")
    # A clock that was set back while the test ran.
    return max(seconds, 0.0)
