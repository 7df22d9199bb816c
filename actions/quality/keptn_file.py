"""Import of Keptn's `slo.yaml`: every mistake with its line, nothing guessed.

    spec_version: "1.0"
    comparison:
      compare_with: several_results
      include_result_with_score: pass
      number_of_comparison_results: 3
      aggregate_function: avg
    objectives:
      - sli: response_time_p95
        pass: [{criteria: ["<=+10%", "<600"]}]
        warning: [{criteria: ["<=800"]}]
        key_sli: true
        weight: 2
    total_score: {pass: "90%", warning: "75%"}

Keys that the specification does not know are refused: a misspelt `key_sli` would change what fails.
`filter` is read over: it chose series in Keptn's own data sources.

Source: keptn/spec, service_level_objective.md, versions 0.1.0 to 1.0.
"""

from pathlib import Path
from typing import Any, TypeVar

from actions.quality.objectives import read_criterion
from actions.yaml_lines import Branch, Leaf, Listing, Node, Problem, nearest, read, shown
from actions.yaml_values import file_text
from schemas.codec import from_python
from schemas.errors import SchemaError, SettingsError
from schemas.quality import Comparison, Objective, Objectives

T = TypeVar("T")

VERSIONS = ("0.1.0", "0.1.1", "1.0", "1.0.0")
_TOP = ["spec_version", "filter", "comparison", "objectives", "total_score"]
_COMPARISON = [
    "compare_with",
    "include_result_with_score",
    "number_of_comparison_results",
    "aggregate_function",
]
_OBJECTIVE = ["sli", "displayName", "pass", "warning", "key_sli", "weight"]


def load_objectives(path: Path) -> Objectives:
    """Return the objectives of a file.

    Raises:
        SettingsError: it cannot be read or has mistakes; names all of them with their lines.
    """
    return parse_objectives(file_text(path, "an slo.yaml"), str(path))


def parse_objectives(text: str, file: str = "slo.yaml") -> Objectives:
    """Return the objectives that YAML text describes.

    Raises:
        SettingsError: it has mistakes; names all of them with their lines.

    >>> parse_objectives('{spec_version: "1.0", objectives: [{sli: load_p95_ms}]}').pass_score
    90.0
    """
    problems: list[Problem] = []
    try:
        top = read(text, problems)
    except RecursionError:
        raise SettingsError(f"{file}: is nested too deep") from None
    found = _objectives(top, problems) if not problems else None
    if problems or found is None:
        raise SettingsError("\n".join(problem.told(file) for problem in sorted(problems)))
    return found


def _objectives(top: Node | None, problems: list[Problem]) -> Objectives | None:
    if not isinstance(top, Branch):
        problems.append(
            Problem(top.line if top else 0, "", "is no mapping, expected spec_version and objectives")
        )
        return None
    _refuse_unknown(top, _TOP, problems)
    version = top.entries.get("spec_version")
    # YAML reads an unquoted 1.0 as a number.
    if not isinstance(version, Leaf) or str(version.value) not in VERSIONS:
        seen = f"is {shown(version)}" if version else "is missing"
        expected = f"{seen}, expected one of {', '.join(VERSIONS)}"
        problems.append(Problem(version.line if version else 0, "spec_version", expected))
    objectives = tuple(
        objective
        for node in _items(top, "objectives", problems)
        if (objective := _objective(node, problems)) is not None
    )
    if not objectives and not problems:
        problems.append(Problem(top.line, "objectives", "is empty, expected at least one objective"))
    comparison = _comparison(top.entries.get("comparison"), problems)
    scores = _scores(top.entries.get("total_score"), problems)
    if problems:
        return None
    return _built(
        Objectives,
        {"objectives": objectives, "comparison": comparison, **scores},
        top.line,
        "total_score",
        problems,
    )


def _objective(node: Node, problems: list[Problem]) -> Objective | None:
    if not isinstance(node, Branch):
        problems.append(Problem(node.line, node.path, f"is {shown(node)}, expected a mapping with sli"))
        return None
    _refuse_unknown(node, _OBJECTIVE, problems)
    given: dict[str, Any] = {
        "passes": _criteria(node, "pass", problems),
        "warns": _criteria(node, "warning", problems),
    }
    for key, name in (("sli", "sli"), ("displayName", "title"), ("weight", "weight"), ("key_sli", "is_key")):
        entry = node.entries.get(key)
        if isinstance(entry, Leaf) and entry.value is not None:
            given[name] = entry.value
        elif entry is not None and not isinstance(entry, Leaf):
            problems.append(Problem(entry.line, entry.path, f"is {shown(entry)}, expected one value"))
    if not isinstance(given.get("is_key", False), bool):
        problems.append(
            Problem(node.line, f"{node.path}.key_sli", "is no truth value, expected true or false")
        )
        return None
    return _built(Objective, given, node.line, node.path, problems)


def _criteria(node: Branch, key: str, problems: list[Problem]) -> tuple[tuple[str, ...], ...]:
    """Return the alternatives under `pass` or `warning`."""
    alternatives = []
    for item in _items(node, key, problems):
        if not isinstance(item, Branch):
            problems.append(Problem(item.line, item.path, f"is {shown(item)}, expected a list of criteria"))
            continue
        _refuse_unknown(item, ["criteria"], problems)
        texts = []
        for entry in _items(item, "criteria", problems):
            text = str(entry.value) if isinstance(entry, Leaf) else ""
            try:
                read_criterion(text)
            except SettingsError as error:
                problems.append(Problem(entry.line, entry.path, str(error)))
            texts.append(text)
        if texts:
            alternatives.append(tuple(texts))
        else:
            problems.append(Problem(item.line, item.path, "has no criteria, which everything would meet"))
    return tuple(alternatives)


def _comparison(node: Node | None, problems: list[Problem]) -> Comparison:
    if node is None or (isinstance(node, Leaf) and node.value is None):
        return Comparison()
    if not isinstance(node, Branch):
        problems.append(Problem(node.line, node.path, f"is {shown(node)}, expected a mapping"))
        return Comparison()
    _refuse_unknown(node, _COMPARISON, problems)
    given = {key: entry.value for key, entry in node.entries.items() if isinstance(entry, Leaf)}
    given = {key: value for key, value in given.items() if value is not None and key in _COMPARISON}
    return _built(Comparison, given, node.line, node.path, problems) or Comparison()


def _scores(node: Node | None, problems: list[Problem]) -> dict[str, float]:
    if node is None or (isinstance(node, Leaf) and node.value is None):
        return {}
    if not isinstance(node, Branch):
        problems.append(Problem(node.line, node.path, f"is {shown(node)}, expected pass and warning"))
        return {}
    _refuse_unknown(node, ["pass", "warning"], problems)
    scores = {}
    for key, name in (("pass", "pass_score"), ("warning", "warn_score")):
        entry = node.entries.get(key)
        if entry is None:
            continue
        text = str(entry.value).strip().removesuffix("%") if isinstance(entry, Leaf) else ""
        try:
            scores[name] = float(text)
        except ValueError:
            problems.append(Problem(entry.line, entry.path, f"is {shown(entry)}, expected a percentage"))
    if "pass_score" in scores and "warn_score" not in scores:
        # No warning score is asked for: what is no pass fails.
        scores["warn_score"] = scores["pass_score"]
    return scores


def _items(node: Branch, key: str, problems: list[Problem]) -> tuple[Node, ...]:
    entry = node.entries.get(key)
    if entry is None or (isinstance(entry, Leaf) and entry.value is None):
        return ()
    if not isinstance(entry, Listing):
        problems.append(Problem(entry.line, entry.path, f"is {shown(entry)}, expected a list"))
        return ()
    return entry.items


def _refuse_unknown(node: Branch, known: list[str], problems: list[Problem]) -> None:
    for key, entry in node.entries.items():
        if key not in known:
            problems.append(Problem(entry.line, entry.path, f"is no known key{nearest(key, known)}"))


def _built(kind: type[T], given: dict[str, Any], line: int, path: str, problems: list[Problem]) -> T | None:
    try:
        return from_python(kind, given)
    except SchemaError as error:
        problems.append(Problem(line, path, str(error)))
        return None
