"""Whatever bytes come, a report is read or refused: nothing but SchemaError escapes, and nothing leaks."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.quality import reading
from actions.quality.readers.fields import LONGEST_TEXT
from actions.quality.reading import read_report
from actions.quality.unified_diff import read_diff
from schemas.codec import from_json, to_json
from schemas.errors import SchemaError
from schemas.reports import BuildReport, TestReport
from tests.actions.quality.examples import every_example

EXAMPLES = every_example()
JSON_EXAMPLES = {name: json.loads(data) for name, data in EXAMPLES.items() if data.lstrip()[:1] == b"{"}
TOKENS = (b"NaN", b"1e999", b"-1", b"null", b"[[[[", b"9" * 400, b"\0", b"\xff", b"<", b'"', b"]]>", b"&lt;")
DIFF = b"""diff --git a/x.py b/x.py
--- a/x.py
+++ b/x.py
@@ -1,2 +1,3 @@
 one
-two
+2
+3
"""


def read_or_refuse(data: bytes) -> None:
    """Read a report; what is read can be written and read again."""
    try:
        report = read_report(data, "x")
    except SchemaError:
        return
    assert from_json(BuildReport, to_json(report)) == report


@st.composite
def torn_bytes(draw: st.DrawFn, examples: tuple[bytes, ...]) -> bytes:
    """Draw an example with a few pieces cut out, doubled, moved or replaced."""
    data = draw(st.sampled_from(examples))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        piece = draw(
            st.one_of(
                st.just(b""), st.sampled_from(TOKENS), st.just(data[start:end] * 2), st.binary(max_size=8)
            )
        )
        data = data[:start] + piece + data[end:]
    return data


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -1, 0, 1e308, -0.0, 2**63]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=10),
    st.sampled_from(["", "NaN", "1e400", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a JSON value that something else could stand in."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        here = waiting.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        found.extend((here, key) for key in keys)
        waiting.extend(here[key] for key in keys)
    return found


@given(torn_bytes(tuple(EXAMPLES.values())))
@settings(max_examples=80, deadline=None)
def test_torn_bytes_of_any_example_are_read_or_refused(data: bytes) -> None:
    read_or_refuse(data)


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_an_example_with_other_values_in_its_places_is_read_or_refused(data: st.DataObject) -> None:
    # A copy, since the places are written to.
    value = json.loads(
        json.dumps(data.draw(st.sampled_from(sorted(JSON_EXAMPLES)).map(JSON_EXAMPLES.__getitem__)))
    )
    for _ in range(data.draw(st.integers(1, 3))):
        if found := places(value):
            holder, key = data.draw(st.sampled_from(found))
            holder[key] = data.draw(VALUES)
    read_or_refuse(json.dumps(value).encode("utf-8", "surrogatepass"))


@given(torn_bytes((DIFF, DIFF * 2)))
@settings(max_examples=60, deadline=None)
def test_a_torn_diff_is_read_or_refused(data: bytes) -> None:
    try:
        change = read_diff(data)
    except SchemaError:
        return
    assert change.lines is not None
    assert all(line >= 0 for _, lines in change.lines_by_file for line in lines)


BILLION_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE testsuite [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(10))
    + b']><testsuite name="&k;"/>'
)
NESTED = b"<testsuite>" * 100_000 + b"</testsuite>" * 100_000
LARGE_INTEGER = b'{"root_group": {}, "metrics": {"http_reqs": {"count": ' + b"9" * 4000 + b"}}}"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (BILLION_LAUGHS, "declares entities"),
        (
            b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite name="&a;"/>',
            "declares entities",
        ),
        (NESTED, "nested deeper than 100"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"a":' * 100_000, "is not JSON"),
        (b'{"SchemaVersion": NaN, "Results": []}', "is not JSON"),
        (b'{"currency": "USD", "projects": [], "totalMonthlyCost": "1e400"}', "not a number between"),
        (b'{"currency": "USD", "projects": [], "totalMonthlyCost": "NaN"}', "not a number between"),
        (b'{"root_group": {}, "metrics": {"http_reqs": {"count": 1e300}}}', "is not between"),
        (LARGE_INTEGER, "is not"),
        (b'{"root_group": {}, "metrics": {"http_reqs": {"count": -1}}}', "no count"),
        (b'{"root_group": {}, "metrics": {"http_reqs": {"count": true}}}', "expected a number"),
        (b'<testsuite><testcase name="a"', "not well-formed XML: line 1"),
        (b'<testsuite><testcase classname="a"/></testsuite>', "no name"),
        (b'<?xml version="1.0" encoding="no-such"?><testsuite/>', "XML"),
        (b'<coverage clover="4" generated="1"/>', "another root or content"),
        (b"SF:a.c\nDA:1,1\n", "ends within a record"),
        (b"SF:a.c\nDA:99999999999,1\nend_of_record\n", "no line of a file"),
        (b"SF:a.c\nDA:1\nend_of_record\n", "no hits"),
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"\xff\xfe{\0", "UTF-16"),
        (b"\x89PNG\r\n", "neither XML, JSON nor"),
        (b"[]", "an array"),
        (b"{}", "no known format"),
        (b'{"SchemaVersion": 3, "Results": []}', "is not 2"),
        (b'{"meta": {"format": 9}, "files": {}, "totals": {}}', "expected 2 or 3"),
        (b'{"SchemaVersion": 2, "Results": {"a": 1}}', "an object, expected an array"),
    ],
)
def test_a_hostile_file_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(SchemaError, match=rf"^evil\.bin: .*{why}"):
        read_report(data, "evil.bin")


def test_a_file_that_is_too_large_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST_BYTES", 100)
    with pytest.raises(SchemaError, match="has 101 bytes, expected at most 100"):
        read_report(b"<" * 101, "large.xml")


def test_a_refusal_never_repeats_what_stood_in_the_file() -> None:
    secret = "hunter2hunter2"
    for data in (
        f'{{"SchemaVersion": 2, "Results": [{{"Vulnerabilities": [{{"VulnerabilityID": ["{secret}"]}}]}}]}}',
        f'<testsuite><testcase name="x" time="{secret}"/></testsuite>',
        f'{{"currency": "{secret}", "projects": []}}',
        f"SF:a\nDA:{secret},1\nend_of_record\n",
        f"password={secret}",
    ):
        with pytest.raises(SchemaError) as caught:
            read_report(data.encode(), "x")
        assert secret not in str(caught.value)


def test_names_are_cut_and_cannot_write_to_a_terminal() -> None:
    data = f'<testsuite><testcase classname="A&#9;[red]" name="{"x" * 5000}"/></testsuite>'.encode()
    content = read_report(data, "x").content
    assert isinstance(content, TestReport)
    assert content.cases[0].class_name == "A [red]"
    assert len(content.cases[0].name) == LONGEST_TEXT


def test_two_long_names_that_differ_at_the_end_stay_two() -> None:
    cases = "".join(f'<testcase name="{"x" * 5000}{end}"/>' for end in "ab")
    content = read_report(f"<testsuite>{cases}</testsuite>".encode(), "x").content
    assert isinstance(content, TestReport)
    assert len({case.key for case in content.cases}) == 2
