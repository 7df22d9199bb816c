"""The list of runbooks: one YAML file that says what an executor may run, and with which arguments.

    version: 1
    ansible:
      clear-cache: {playbook: playbooks/clear-cache.yaml, arguments: {region: {choices: [eu, us]}}}
    scripts:
      rotate-logs: {file: scripts/rotate_logs.py, repeatable: true}
    http:
      flush-cdn: {url: "https://cdn.example.org/zones/{zone}/flush", arguments: {zone: {}}}
    pipelines:
      shop/roll-back: {gate: "https://gate.example.org"}

What is not listed is not run. `infra/runbooks.yaml` shows every key.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TypeVar

from actions.runbook_list import (
    AnsibleEntry,
    Argument,
    HttpEntry,
    PipelineEntry,
    Poll,
    Runbooks,
    ScriptEntry,
    Source,
)
from actions.yaml_lines import Branch, Leaf, Node, Problem, nearest, read, shown
from actions.yaml_values import value_of
from schemas.errors import SettingsError
from schemas.verbs import RunbookCall

T = TypeVar("T", AnsibleEntry, ScriptEntry, HttpEntry, PipelineEntry)

_KINDS = [field.name for field in fields(Runbooks)]
_SOURCE = [field.name for field in fields(Source)]
_ARGUMENT = [field.name for field in fields(Argument)]


class RunbookFileError(SettingsError):
    """The list of runbooks has mistakes.

    Attributes:
        problems: One line each, with file, line, place, what was seen and what was expected.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_runbooks(path: Path | None) -> Runbooks:
    """Return what a file lists; without one, nothing.

    Raises:
        RunbookFileError: it cannot be read or has mistakes, or names a file that is not there; names all.
    """
    if path is None:
        return Runbooks()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunbookFileError((f"{path}: cannot be read: {error}",)) from error
    return parse_runbooks(text, path.parent, str(path))


def parse_runbooks(text: str, folder: Path, file: str = "runbooks.yaml") -> Runbooks:
    """Return what a YAML text lists.

    Args:
        text: The list.
        folder: What relative paths in it are from.
        file: Its name, for messages.

    Raises:
        RunbookFileError: it has mistakes; names all of them.
    """
    problems: list[Problem] = []
    top = read(text, problems)
    found = Runbooks()
    if isinstance(top, Branch):
        _check_top(top, problems)
        found = Runbooks(
            ansible=_entries(top, "ansible", AnsibleEntry, problems),
            scripts=_entries(top, "scripts", ScriptEntry, problems),
            http=_entries(top, "http", HttpEntry, problems),
            pipelines=_entries(top, "pipelines", PipelineEntry, problems),
        )
        found = _located(found, top, folder.resolve(), problems)
    elif not problems:
        problems.append(Problem(0, "", f"is {shown(top) if top else 'empty'}, expected a mapping"))
    if problems:
        raise RunbookFileError(tuple(problem.told(file) for problem in sorted(problems)))
    return found


def _check_top(top: Branch, problems: list[Problem]) -> None:
    for key, node in top.entries.items():
        if key not in ("version", *_KINDS):
            problems.append(
                Problem(node.line, node.path, f"is no known key{nearest(key, ['version', *_KINDS])}")
            )
    version = top.entries.get("version")
    if not isinstance(version, Leaf) or version.value != 1:
        seen = f"is {shown(version)}" if version else "is missing"
        problems.append(Problem(version.line if version else 0, "version", f"{seen}, expected 1"))


def _entries(top: Branch, key: str, kind: type[T], problems: list[Problem]) -> dict[str, T]:
    nodes = top.entries.get(key)
    if nodes is None or (isinstance(nodes, Leaf) and nodes.value is None):
        return {}
    if not isinstance(nodes, Branch):
        problems.append(Problem(nodes.line, nodes.path, f"is {shown(nodes)}, expected a mapping of names"))
        return {}
    found: dict[str, T] = {}
    for name, node in nodes.entries.items():
        if said := _misnamed(key, name):
            problems.append(Problem(node.line, node.path, said))
        normal = _normal(node)
        entry = value_of(normal, kind, _known(normal, kind), problems)
        if entry is not None:
            found[name] = entry
    return found


def _misnamed(key: str, name: str) -> str:
    """Return what is wrong with an entry's name; "" for nothing."""
    try:
        RunbookCall(name=name)
    except ValueError as error:
        return str(error)
    if (key == "pipelines") != ("/" in name):
        return "a pipeline is named application/pipeline" if key == "pipelines" else "its name has a slash"
    return ""


def _normal(node: Node) -> Node:
    """Return an entry with its short spellings written out: a header's or a variable's plain text."""
    if not isinstance(node, Branch):
        return node
    entries = dict(node.entries)
    for key in ("environment", "headers"):
        inner = entries.get(key)
        if isinstance(inner, Branch):
            entries[key] = Branch(
                {name: _as_source(value) for name, value in inner.entries.items()}, inner.line, inner.path
            )
    arguments = entries.get("arguments")
    if isinstance(arguments, Branch):
        entries["arguments"] = Branch(
            {name: _or_empty(value) for name, value in arguments.entries.items()},
            arguments.line,
            arguments.path,
        )
    return Branch(entries, node.line, node.path)


def _as_source(node: Node) -> Node:
    return Branch({"value": node}, node.line, node.path) if isinstance(node, Leaf) else node


def _or_empty(node: Node) -> Node:
    is_empty = isinstance(node, Leaf) and node.value is None
    return Branch({}, node.line, node.path) if is_empty else node


def _known(node: Node, kind: type[T]) -> Mapping[str, list[str]]:
    """Return the known keys by the key above them, which for arguments and sources is a name of theirs."""
    known = {"": [field.name for field in fields(kind)], "poll": [field.name for field in fields(Poll)]}
    for key, keys in (("arguments", _ARGUMENT), ("environment", _SOURCE), ("headers", _SOURCE)):
        inner = node.entries.get(key) if isinstance(node, Branch) else None
        if isinstance(inner, Branch):
            known |= dict.fromkeys(inner.entries, keys)
    return known


def _located(found: Runbooks, top: Branch, folder: Path, problems: list[Problem]) -> Runbooks:
    """Return the list with absolute paths; files that are not there are told."""

    def absolute(kind: str, name: str, key: str, path: str) -> str:
        if not path:
            return ""
        whole = folder / path
        if not whole.exists():
            node: Node = top
            for step in (kind, name, key):
                assert isinstance(node, Branch), "an entry with a path was read from mappings"
                node = node.entries[step]
            problems.append(Problem(node.line, node.path, f"is {whole}, which is not there"))
        return str(whole)

    return replace(
        found,
        ansible={
            name: replace(
                entry,
                playbook=absolute("ansible", name, "playbook", entry.playbook),
                inventory=absolute("ansible", name, "inventory", entry.inventory),
            )
            for name, entry in found.ansible.items()
        },
        scripts={
            name: replace(entry, file=absolute("scripts", name, "file", entry.file))
            for name, entry in found.scripts.items()
        },
        http={
            name: replace(entry, certificates=absolute("http", name, "certificates", entry.certificates))
            for name, entry in found.http.items()
        },
        pipelines={
            name: replace(entry, certificates=absolute("pipelines", name, "certificates", entry.certificates))
            for name, entry in found.pipelines.items()
        },
    )
