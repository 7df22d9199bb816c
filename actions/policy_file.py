"""The policy file: YAML layers that add up to one rule per environment and service.

    version: 1
    defaults: {judge: {}, gate: {}, signals: [], target: {}, traffic: {}, team: platform,
               costs: {bad_minute: 2, false_rollback: 500}}
    environments:
      prod: {gate: {rollback: ask}}
    people:
      ada: {slack: U061F7AUR, pagerduty: PXPGF42, groups: [sre]}
    services:
      cart:
        judge: {watch: 1h}
        environments:
          prod: {gate: {rollback: alone}}

Later layers win: built-in values < defaults < environment < service < service in an environment.
Mappings merge, lists replace. `signals` may be a mapping from name to signal instead of a list: then
the named ones change, null removes one, and the others stay.
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from actions.yaml_lines import Branch, Leaf, Listing, Node, Problem, nearest, read, shown
from actions.yaml_values import EXPECTED
from schemas.approvals import GROUP, ApprovalSettings, Person
from schemas.codec import adapter
from schemas.errors import SettingsError
from schemas.freeze_windows import FreezeWindow
from schemas.kayenta import KayentaSettings
from schemas.keys import EnvironmentName, ServiceName
from schemas.levels import LevelRule
from schemas.policy import (
    Costs,
    GateSettings,
    JudgeMethod,
    JudgeSettings,
    Policy,
    Rule,
    TargetPattern,
    default_policy,
)
from schemas.signals import Selector, Signal, default_signals, requests_selector

_PARTS = [field.name for field in fields(Rule)]
_KNOWN_KEYS = {
    "judge": [field.name for field in fields(JudgeSettings)],
    "kayenta": [field.name for field in fields(KayentaSettings)],
    "gate": [field.name for field in fields(GateSettings)],
    "freezes": [field.name for field in fields(FreezeWindow)],
    "approval": [field.name for field in fields(ApprovalSettings)],
    "target": [field.name for field in fields(TargetPattern)],
    "costs": [field.name for field in fields(Costs)],
    "traffic": [field.name for field in fields(Selector)],
    "levels": [field.name for field in fields(LevelRule)],
    "reading": [field.name for field in fields(Selector)],
    "events": [field.name for field in fields(Selector)],
    "exposure": [field.name for field in fields(Selector)],
}
_PERSON_KEYS = [field.name for field in fields(Person)]
_SIGNAL_KEYS = [field.name for field in fields(Signal)]


class PolicyFileError(SettingsError):
    """The policy file has mistakes.

    Attributes:
        problems: One line each, with file, line, place, what was seen and what was expected.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_policy(path: Path | None) -> Policy:
    """Return the policy of a file; without one, that development acts alone and all else asks.

    Raises:
        PolicyFileError: it cannot be read or has mistakes; names all of them.
    """
    if path is None:
        return default_policy()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyFileError((f"{path}: cannot be read: {error}",)) from error
    return parse_policy(text, str(path))


def parse_policy(text: str, file: str = "policy.yaml") -> Policy:
    """Return the policy that the YAML text describes.

    Raises:
        PolicyFileError: it has mistakes; names all of them.

    >>> policy = parse_policy("{version: 1, services: {cart: {gate: {budget: 5}}}}")
    >>> name, rule = policy.rule(EnvironmentName("prod"), ServiceName("cart"))
    >>> name, rule.gate.budget
    ('*/cart', 5)
    """
    problems: list[Problem] = []
    top = read(text, problems)
    layers = _layers(top, problems)
    people = _people(top, problems)
    rules: dict[str, Rule] = {}
    for key, stack in layers.items():
        merged = _BUILT_IN
        for layer in stack:
            merged = _merged(merged, layer)
        rule = _rule(merged, problems)
        if rule is not None:
            rules[key] = rule
    if problems:
        # One mistake in the defaults shows in every rule; it is told once.
        told = tuple(dict.fromkeys(problem.told(file) for problem in sorted(problems)))
        raise PolicyFileError(told)
    try:
        return Policy(rules=rules, people=people)
    except ValueError as error:
        raise PolicyFileError((f"{file}: {error}",)) from error


def explain_policy(policy: Policy, environment: EnvironmentName, service: ServiceName) -> str:
    """Return what holds for a service in an environment, one setting a line, for people."""
    name, rule = policy.rule(environment, service)
    target = rule.target.target(environment, service)
    lines = [f"{environment}/{service} follows rule {name}"]
    lines += [line for line in _settings("judge", rule.judge) if not line.startswith("judge.kayenta ")]
    if rule.judge.method is JudgeMethod.KAYENTA:
        lines += _settings("judge.kayenta", rule.judge.kayenta)
    lines += _settings("gate", rule.gate)
    lines += [
        f"signals.{signal.name} = {signal.kind}, bad {signal.direction}, margin {signal.margin_ratio:g} "
        f"or {signal.margin_floor:g} {signal.unit}, share {signal.share:g}{_bound(signal)}"
        for signal in rule.signals
    ]
    lines += [
        f"levels.{level.name} = {level.pattern} from {level.above:g} of {level.reading.metric} on, for "
        f"{level.lasting} on {100 * level.share:g} % of the pods"
        for level in rule.levels
    ]
    lines.append(f"traffic = {rule.traffic.field} of {rule.traffic.metric}")
    lines.append(f"target = {target.kind} {target.key}")
    if rule.costs.are_told:
        lines += _settings("costs", rule.costs)
    lines.append(f"team = {rule.team or 'nobody, unless the deploy event names one'}")
    return "\n".join(lines)


def _bound(signal: Signal) -> str:
    """Return what a signal says of its bound, for people; "" for signals without one."""
    if signal.bound is not None:
        return f", above {signal.bound:g} {signal.unit}"
    if signal.bound_share is not None:
        return f", above a bound that at most {100 * signal.bound_share:g} % exceed"
    return ""


def _settings(title: str, part: JudgeSettings | KayentaSettings | GateSettings | Costs) -> list[str]:
    return [f"{title}.{field.name} = {getattr(part, field.name)}" for field in fields(part)]


def _layers(top: Node | None, problems: list[Problem]) -> dict[str, list[Branch]]:
    """Return, per rule, the layers that add up to it, weakest first."""
    if top is None:
        if not problems:
            problems.append(Problem(0, "", "is empty, expected at least `version: 1`"))
        return {}
    if not isinstance(top, Branch):
        problems.append(Problem(top.line, "", f"is {shown(top)}, expected a mapping"))
        return {}
    _refuse_unknown(top, ["version", "defaults", "environments", "services", "people"], problems)
    version = top.entries.get("version")
    if not isinstance(version, Leaf) or version.value != 1:
        seen = f"is {shown(version)}" if version else "is missing"
        problems.append(Problem(version.line if version else 0, "version", f"{seen}, expected 1"))

    defaults = _parts(top.entries.get("defaults"), [], problems)
    environments = {
        name: _parts(node, [], problems) for name, node in _children(top, "environments", problems).items()
    }
    services: dict[str, Branch] = {}
    inner: dict[str, dict[str, Branch]] = {}
    for name, node in _children(top, "services", problems).items():
        services[name] = _parts(node, ["environments"], problems)
        inside = _children(node, "environments", problems) if isinstance(node, Branch) else {}
        inner[name] = {place: _parts(part, [], problems) for place, part in inside.items()}
    for name, node in {**environments, **services}.items():
        if "/" in name or name == "*" or not name:
            problems.append(Problem(node.line, node.path, "a name must not be empty, * or contain a /"))

    layers = {"*/*": [defaults]}
    layers |= {f"{place}/*": [defaults, layer] for place, layer in environments.items()}
    for name, service in services.items():
        layers[f"*/{name}"] = [defaults, service]
        for place in {**environments, **inner[name]}:
            stack = [defaults, environments.get(place), service, inner[name].get(place)]
            layers[f"{place}/{name}"] = [layer for layer in stack if layer is not None]
    return layers


def _people(top: Node | None, problems: list[Problem]) -> dict[str, Person]:
    found: dict[str, Person] = {}
    for name, node in _children(top, "people", problems).items() if isinstance(top, Branch) else ():
        if name.startswith(GROUP) or not name:
            problems.append(Problem(node.line, node.path, f"a name must not be empty or begin with {GROUP}"))
        if not isinstance(node, Branch):
            problems.append(Problem(node.line, node.path, f"is {shown(node)}, expected a mapping"))
            continue
        try:
            found[name] = adapter(Person).validate_python(_plain(node, name))
        except ValidationError as error:
            entries = error.errors(include_url=False, include_input=False, include_context=False)
            problems.extend(_problem(node, entry, _PERSON_KEYS) for entry in entries)
    return found


def _children(node: Branch, key: str, problems: list[Problem]) -> Mapping[str, Node]:
    child = node.entries.get(key)
    if child is None or (isinstance(child, Leaf) and child.value is None):
        return {}
    if isinstance(child, Branch):
        return child.entries
    problems.append(Problem(child.line, child.path, f"is {shown(child)}, expected a mapping of names"))
    return {}


def _parts(node: Node | None, more: list[str], problems: list[Problem]) -> Branch:
    """Return a layer with nothing but a rule's parts in it, in the form that layers are merged in."""
    if node is None or (isinstance(node, Leaf) and node.value is None):
        return Branch({}, node.line if node else 0, node.path if node else "")
    if not isinstance(node, Branch):
        problems.append(Problem(node.line, node.path, f"is {shown(node)}, expected a mapping"))
        return Branch({}, node.line, node.path)
    _refuse_unknown(node, _PARTS + more, problems)
    entries = {
        key: _normal(key, value)
        for key, value in node.entries.items()
        if key in _PARTS and not (isinstance(value, Leaf) and value.value is None)
    }
    return Branch(entries, node.line, node.path)


def _refuse_unknown(node: Branch, known: list[str], problems: list[Problem]) -> None:
    for key, value in node.entries.items():
        if key not in known:
            problems.append(Problem(value.line, value.path, f"is no known key{nearest(key, known)}"))


def _normal(key: str, node: Node) -> Node:
    """Return a value with the short spellings written out: `where` as pairs instead of a mapping."""
    if isinstance(node, Branch):
        if key in ("where", "without"):
            pairs = (
                Listing((Leaf(name, value.line, value.path), value), value.line, value.path)
                for name, value in node.entries.items()
            )
            return Listing(tuple(pairs), node.line, node.path)
        entries = {inner: _normal(inner, value) for inner, value in node.entries.items()}
        return Branch(entries, node.line, node.path)
    if isinstance(node, Listing):
        return Listing(tuple(_normal("", item) for item in node.items), node.line, node.path)
    return node


def _merged(low: Branch, high: Branch) -> Branch:
    """Return two layers as one; a signal that the higher one sets to null is gone."""
    entries = dict(low.entries)
    for key, value in high.entries.items():
        below = entries.get(key)
        if key == "signals" and isinstance(value, Branch):
            named = _by_name(below)
            merged = _merged(named, value).entries
            kept = {
                name: node
                for name, node in merged.items()
                if not (isinstance(node, Leaf) and node.value is None)
            }
            entries[key] = Branch(kept, value.line, value.path)
        elif isinstance(below, Branch) and isinstance(value, Branch):
            entries[key] = _merged(below, value)
        else:
            entries[key] = value
    return Branch(entries, high.line, high.path)


def _by_name(node: Node | None) -> Branch:
    """Return the signals below as a mapping from name to signal."""
    if isinstance(node, Branch):
        return node
    entries: dict[str, Node] = {}
    for item in node.items if isinstance(node, Listing) else ():
        name = item.entries.get("name") if isinstance(item, Branch) else None
        if isinstance(name, Leaf) and isinstance(name.value, str):
            entries[name.value] = item
    return Branch(entries, node.line if node else 0, node.path if node else "")


def _rule(merged: Branch, problems: list[Problem]) -> Rule | None:
    try:
        rule: Rule = adapter(Rule).validate_python(_plain(merged, "rule"))
    except ValidationError as error:
        entries = error.errors(include_url=False, include_input=False, include_context=False)
        problems.extend(_problem(merged, entry) for entry in entries)
        return None
    return rule


def _plain(node: Node, key: str) -> Any:
    match node:
        case Leaf():
            return node.value
        case Listing():
            return [_plain(item, "") for item in node.items]
        case Branch() if key == "signals":
            return [
                {"name": name, **value} if isinstance(value := _plain(item, ""), dict) else value
                for name, item in node.entries.items()
            ]
        case Branch():
            return {name: _plain(item, name) for name, item in node.entries.items()}


def _problem(merged: Branch, entry: ErrorDetails, known: list[str] | None = None) -> Problem:
    """Return a validation error as a mistake at the line of the layer that the value came from."""
    node: Node = merged
    rest: list[str] = []
    parent = ""
    for step in entry["loc"]:
        below = _below(node, step) if not rest else None
        if below is None:
            rest.append(str(step))
            continue
        parent = _last(node.path)
        node = below
    place = ".".join([node.path or "policy", *rest])
    match entry["type"]:
        case "unexpected_keyword_argument":
            name = str(entry["loc"][-1])
            return Problem(
                node.line, place, f"is no known key{nearest(name, known or _known_in(entry['loc'], parent))}"
            )
        case "missing":
            return Problem(node.line, place, "is missing")
        case "value_error":
            return Problem(node.line, place, entry["msg"].removeprefix("Value error, "))
        case kind:
            message = entry["msg"]
            expected = EXPECTED.get(kind) or message.removeprefix("Input should be ")
            return Problem(node.line, place, f"is {shown(node)}, expected {expected}")


def _below(node: Node, step: int | str) -> Node | None:
    if isinstance(node, Branch) and isinstance(step, str):
        return node.entries.get(step)
    if isinstance(node, Branch) and isinstance(step, int):
        # Signals given by name are validated as a list.
        values = list(node.entries.values())
        return values[step] if step < len(values) else None
    if isinstance(node, Listing) and isinstance(step, int) and step < len(node.items):
        return node.items[step]
    return None


def _last(path: str) -> str:
    return path.rsplit(".", 1)[-1]


def _known_in(loc: tuple[int | str, ...], parent: str) -> list[str]:
    above = loc[-2] if len(loc) > 1 else parent
    return _KNOWN_KEYS.get(str(above), _SIGNAL_KEYS)


def _built_in(value: Any, path: str) -> Node:
    if isinstance(value, dict):
        return Branch({key: _built_in(item, f"{path}.{key}") for key, item in value.items()}, 0, path)
    if isinstance(value, (list, tuple)):
        return Listing(tuple(_built_in(item, f"{path}[{i}]") for i, item in enumerate(value)), 0, path)
    return Leaf(value, 0, path)


_BUILT_IN = Branch(
    {
        "signals": _built_in(
            adapter(tuple[Signal, ...]).dump_python(default_signals(), mode="json"), "signals"
        ),
        "traffic": _built_in(adapter(Selector).dump_python(requests_selector(), mode="json"), "traffic"),
    },
    0,
    "",
)
