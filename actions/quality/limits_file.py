"""The file that changes limits and weights of the gate; what it does not name keeps its default.

required: [tests, findings]
changed_coverage_pass: 0.9
weights: {coverage: 2}
"""

from dataclasses import fields
from pathlib import Path
from typing import Any

from actions.quality.limits import Limits, Weights
from actions.yaml_lines import Branch, Leaf, Listing, Node, Problem, nearest, read
from schemas.codec import from_python
from schemas.errors import SchemaError, SettingsError

_LARGEST_BYTES = 1024 * 1024


def load_limits(path: Path) -> Limits:
    """Return the limits of a YAML file; what it does not name keeps its default.

    Raises:
        SettingsError: it cannot be read or has a mistake; says which.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise SettingsError(f"{path}: is larger than {_LARGEST_BYTES} bytes, expected limits of the gate")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    return parse_limits(text, str(path))


def parse_limits(text: str, file: str = "limits.yaml") -> Limits:
    """Return the limits that YAML text describes.

    Raises:
        SettingsError: it has a mistake; says which.

    >>> parse_limits("{required: [tests, load], weights: {load: 3}}").weights.load
    3.0
    """
    problems: list[Problem] = []
    try:
        top = read(text, problems)
    except RecursionError:
        raise SettingsError(f"{file}: is nested too deep") from None
    if top is not None and not isinstance(top, Branch):
        problems.append(Problem(top.line, "", "is no mapping, expected names of limits"))
    for node, kind in () if not isinstance(top, Branch) else ((top, Limits), (_weights(top), Weights)):
        known = [one.name for one in fields(kind)]
        problems.extend(
            Problem(entry.line, entry.path, f"is no known key{nearest(key, known)}")
            for key, entry in node.entries.items()
            if key not in known
        )
    if problems:
        raise SettingsError("\n".join(problem.told(file) for problem in sorted(problems)))
    try:
        return from_python(Limits, {} if top is None else _plain(top))
    except SchemaError as error:
        raise SettingsError(f"{file}: {error}") from error


def _weights(top: Branch) -> Branch:
    found = top.entries.get("weights")
    return found if isinstance(found, Branch) else Branch({}, top.line, "weights")


def _plain(node: Node) -> Any:
    match node:
        case Leaf():
            return node.value
        case Listing():
            return [_plain(item) for item in node.items]
        case Branch():
            return {key: _plain(value) for key, value in node.entries.items()}
