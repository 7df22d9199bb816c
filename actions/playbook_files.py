"""Playbooks from YAML files: the shipped ones, and an installation's own, which win by name."""

from dataclasses import fields, replace
from importlib import resources
from pathlib import Path

from actions.yaml_lines import Branch, Problem, read, shown
from actions.yaml_values import value_of
from schemas.errors import SettingsError
from schemas.orders import RUNBOOKS, CommandKind
from schemas.playbooks import Check, Condition, Occasion, PlaybookSpec, PlaybookStep
from schemas.policy import Policy

_KNOWN = {
    "": [field.name for field in fields(PlaybookSpec)],
    "steps": [field.name for field in fields(PlaybookStep)],
    "when": [field.name for field in fields(Condition)],
    "check": [field.name for field in fields(Check)],
}

# What a step of a kind must and may say beyond its target.
_PARAMETERS: dict[CommandKind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    CommandKind.SCALE: ((), ("by", "factor", "minimum", "maximum")),
    CommandKind.RUN_JOB: ((), ("cronjob",)),
    CommandKind.SET_CONFIG: (("config_map", "key", "value"), ("restart",)),
    **dict.fromkeys(
        (
            CommandKind.UNDO,
            CommandKind.ABORT,
            CommandKind.PAUSE,
            CommandKind.RESTART,
            CommandKind.DELETE_POD,
        ),
        ((), ()),
    ),
}
"""Kinds that a playbook may order, besides runbooks, which take their arguments as parameters."""


def load_playbooks(folder: Path | None) -> tuple[PlaybookSpec, ...]:
    """Return the shipped playbooks and those of a folder, in the order of their names.

    Args:
        folder: An installation's own `*.yaml`; one that is named as a shipped one takes its place.

    Raises:
        SettingsError: one cannot be read or has mistakes; names all of them with their lines.
    """
    texts = {
        f"playbooks/{file.name}": file.read_text(encoding="utf-8")
        for file in resources.files("actions.playbooks").iterdir()
        if file.name.endswith(".yaml")
    }
    shipped, told = _parsed(texts)
    if folder is not None:
        if not folder.is_dir():
            raise SettingsError(f"{folder} is no folder, expected one with playbooks as YAML files")
        try:
            theirs = {str(file): file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.yaml"))}
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{folder}: a playbook cannot be read: {error}") from error
        own, more = _parsed(theirs)
        shipped, told = shipped | own, told + more
    if told:
        raise SettingsError("\n".join(told))
    return tuple(shipped[name] for name in sorted(shipped))


def with_playbooks(policy: Policy, playbooks: tuple[PlaybookSpec, ...]) -> Policy:
    """Return a policy with what may be done about failures.

    Raises:
        SettingsError: a rule names a playbook that is not there.
    """
    names = [spec.name for spec in playbooks]
    for key, rule in policy.rules.items():
        for name in rule.gate.playbooks or ():
            if name not in names:
                known = ", ".join(names)
                raise SettingsError(f"gate.playbooks of rule {key} names {name}, expected some of {known}")
    return replace(policy, playbooks=playbooks)


def parse_playbook(text: str, file: str = "playbook.yaml") -> PlaybookSpec:
    """Return the playbook that a YAML text describes.

    Raises:
        SettingsError: it has mistakes; names all of them with their lines.
    """
    found, told = _parsed({file: text})
    if told:
        raise SettingsError("\n".join(told))
    (spec,) = found.values()
    return spec


def _parsed(texts: dict[str, str]) -> tuple[dict[str, PlaybookSpec], list[str]]:
    found: dict[str, PlaybookSpec] = {}
    told: list[str] = []
    for file, text in sorted(texts.items()):
        problems: list[Problem] = []
        top = read(text, problems)
        if not isinstance(top, Branch):
            if not problems:
                seen = shown(top) if top is not None else "empty"
                problems.append(Problem(0, "", f"is {seen}, expected a playbook"))
        else:
            spec = value_of(top, PlaybookSpec, _KNOWN, problems)
            if spec is not None:
                problems += _of_steps(top, spec)
                if spec.name in found:
                    problems.append(Problem(0, "name", f"is {spec.name}, which another file has, too"))
                found[spec.name] = spec
        told += [problem.told(file) for problem in sorted(problems)]
    return found, told


def _of_steps(top: Branch, spec: PlaybookSpec) -> list[Problem]:
    """Return what a step orders that no playbook can, or lacks."""
    line = top.entries["steps"].line
    problems: list[Problem] = []
    for index, step in enumerate(spec.steps):
        place = f"steps[{index}]"
        if step.does in RUNBOOKS:
            if not step.parameters.get("runbook"):
                problems.append(Problem(line, f"{place}.parameters", "names no runbook"))
            continue
        if step.does not in _PARAMETERS:
            known = ", ".join([*_PARAMETERS, *RUNBOOKS])
            problems.append(Problem(line, f"{place}.does", f"is {step.does}, expected one of {known}"))
            continue
        if step.does in (CommandKind.UNDO, CommandKind.ABORT) and spec.when.occasion is not Occasion.RELEASE:
            told = f"is {step.does}, expected a playbook whose occasion is a release: there is a way back"
            problems.append(Problem(line, f"{place}.does", told))
        must, may = _PARAMETERS[step.does]
        expected = ", ".join((*must, *may)) or "none"
        problems += [
            Problem(line, f"{place}.parameters", f"lacks {name}")
            for name in must
            if not step.parameters.get(name)
        ]
        problems += [
            Problem(line, f"{place}.parameters", f"has {name}, expected {expected}")
            for name in step.parameters
            if name not in (*must, *may)
        ]
    return problems
