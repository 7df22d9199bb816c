"""The file that SUTURE_PULL names: which servers are asked for metrics, and what.

    version: 1
    sources:
      - name: main
        kind: prometheus
        url: http://prometheus:9090
        token: {variable: PROMETHEUS_TOKEN}
        fixed: {environment: prod}
        queries:
          - metric: http_server_request_duration_seconds_count
            query: http_server_request_duration_seconds_count{namespace="shop"}
            kind: counter

`docs/pulling.md` says what every key means.
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from actions.yaml_lines import Branch, Leaf, Listing, Node, Problem, read, shown
from actions.yaml_values import file_text, value_of
from schemas.errors import SettingsError
from schemas.pulled_series import Names
from streams.pull_sources import Credential, PullFile, PullQuery, PullSource

_NAMES = [field.name for field in fields(Names)]
_CREDENTIAL = [field.name for field in fields(Credential)]
_CREDENTIALS = ("token", "password", "api_key", "application_key")
_KNOWN: Mapping[str, list[str]] = {
    "": [field.name for field in fields(PullFile)],
    "sources": [field.name for field in fields(PullSource)],
    "queries": [field.name for field in fields(PullQuery)],
    "labels": _NAMES,
    "fixed": _NAMES,
    **dict.fromkeys(_CREDENTIALS, _CREDENTIAL),
}


class PullFileError(SettingsError):
    """The file of sources has mistakes.

    Attributes:
        problems: One line each, with file, line, place, what was seen and what was expected.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_pull_file(path: Path) -> PullFile:
    """Return what a file says.

    Raises:
        SettingsError: it cannot be read.
        PullFileError: it has mistakes; names all of them.
    """
    return parse_pull_file(file_text(path, "a file of sources"), str(path))


def parse_pull_file(text: str, file: str = "pull.yaml") -> PullFile:
    """Return what a YAML text says.

    Raises:
        PullFileError: it has mistakes; names all of them.
    """
    problems: list[Problem] = []
    top = read(text, problems)
    found: PullFile | None = None
    if isinstance(top, Branch):
        found = value_of(_without_secrets(top, problems), PullFile, _KNOWN, problems)
    elif not problems:
        problems.append(Problem(0, "", f"is {shown(top) if top else 'empty'}, expected a mapping"))
    if found is None or problems:
        raise PullFileError(tuple(problem.told(file) for problem in sorted(problems)))
    return found


def _without_secrets(top: Branch, problems: list[Problem]) -> Branch:
    """Return the file's values without a secret that somebody wrote into it, which no message may repeat."""
    sources = top.entries.get("sources")
    if not isinstance(sources, Listing):
        return top
    items = tuple(_source(item, problems) for item in sources.items)
    return Branch({**top.entries, "sources": Listing(items, sources.line, sources.path)}, top.line, top.path)


def _source(node: Node, problems: list[Problem]) -> Node:
    if not isinstance(node, Branch):
        return node
    entries = dict(node.entries)
    for key in _CREDENTIALS:
        said = entries.get(key)
        if isinstance(said, Leaf) and said.value is not None:
            problems.append(
                Problem(said.line, said.path, "holds a secret, expected the variable or file of one")
            )
            entries[key] = Leaf(None, said.line, said.path)
    return Branch(entries, node.line, node.path)
