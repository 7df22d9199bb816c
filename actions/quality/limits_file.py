"""The file that changes limits and weights of the gate; what it does not name keeps its default.

required: [tests, findings]
changed_coverage_pass: 0.9
weights: {coverage: 2}
"""

from dataclasses import fields
from pathlib import Path

from actions.quality.limits import Limits, Weights
from actions.yaml_lines import Branch, Problem, read
from actions.yaml_values import file_text, value_of
from schemas.errors import SettingsError

_KNOWN = {
    "": [one.name for one in fields(Limits)],
    "weights": [one.name for one in fields(Weights)],
}


def load_limits(path: Path) -> Limits:
    """Return the limits of a YAML file; what it does not name keeps its default.

    Raises:
        SettingsError: it cannot be read or has a mistake; says which.
    """
    return parse_limits(file_text(path, "limits of the gate"), str(path))


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
    found = Limits() if top is None or problems else value_of(top, Limits, _KNOWN, problems)
    if problems or found is None:
        raise SettingsError("\n".join(problem.told(file) for problem in sorted(problems)))
    return found
