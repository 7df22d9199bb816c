"""From located YAML to a value: what the type refuses is told at the line that it came from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from actions.yaml_lines import Branch, Leaf, Listing, Node, Problem, nearest, shown
from schemas.codec import adapter
from schemas.errors import SettingsError

T = TypeVar("T")

EXPECTED = {
    "int_parsing": "an integer",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_parsing": "a number",
    "float_type": "a number",
    "string_type": "text (put it in quotes)",
    "time_delta_parsing": "a duration, such as 90s, 30m or 1h30m",
    "time_delta_type": "a duration, such as 90s, 30m or 1h30m",
    "dataclass_type": "a mapping",
    "dataclass_exact_type": "a mapping",
    "tuple_type": "a list",
}
"""What a validation error says was expected, in the words of people who write YAML."""


LARGEST_BYTES = 1024 * 1024
"""A file that a person writes is smaller."""


def file_text(path: Path, expected: str) -> str:
    """Return the text of a file that a person wrote.

    Raises:
        SettingsError: it cannot be read, or is larger than any such file.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise SettingsError(f"{path}: is larger than {LARGEST_BYTES} bytes, expected {expected}")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error


def value_of(
    node: Node, kind: type[T], known: Mapping[str, Sequence[str]], problems: list[Problem]
) -> T | None:
    """Return the value that a node describes, or None and what is wrong with it appended to `problems`.

    Args:
        node: What the file says.
        kind: A dataclass.
        known: Known keys by the key above them, "" for the top: a misspelt one is told the nearest.
        problems: Mistakes so far.
    """
    try:
        value: T = adapter(kind).validate_python(_plain(node))
    except ValidationError as error:
        entries = error.errors(include_url=False, include_input=False, include_context=False)
        problems.extend(_problem(node, entry, known) for entry in entries)
        return None
    return value


def _plain(node: Node) -> Any:
    match node:
        case Leaf():
            return node.value
        case Listing():
            return [_plain(item) for item in node.items]
        case Branch():
            return {name: _plain(item) for name, item in node.entries.items()}


def _problem(top: Node, entry: ErrorDetails, known: Mapping[str, Sequence[str]]) -> Problem:
    node: Node = top
    rest: list[str] = []
    names = [step for step in entry["loc"] if isinstance(step, str)]
    for step in entry["loc"]:
        below = _below(node, step) if not rest else None
        if below is None:
            rest.append(str(step))
        else:
            node = below
    place = ".".join(part for part in [node.path, *rest] if part)
    match entry["type"]:
        case "unexpected_keyword_argument":
            above = names[-2] if len(names) > 1 else ""
            return Problem(
                node.line, place, f"is no known key{nearest(names[-1], list(known.get(above, ())))}"
            )
        case "missing":
            return Problem(node.line, place, "is missing")
        case "value_error":
            return Problem(node.line, place, entry["msg"].removeprefix("Value error, "))
        case kind:
            expected = EXPECTED.get(kind) or entry["msg"].removeprefix("Input should be ")
            return Problem(node.line, place, f"is {shown(node)}, expected {expected}")


def _below(node: Node, step: int | str) -> Node | None:
    if isinstance(node, Branch) and isinstance(step, str):
        return node.entries.get(step)
    if isinstance(node, Listing) and isinstance(step, int) and step < len(node.items):
        return node.items[step]
    return None
