"""YAML that remembers where each value stands, so that a mistake is reported by its line."""

from dataclasses import dataclass
from difflib import get_close_matches

import yaml

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text, number, truth value or null.

    Attributes:
        line: Counted from 1; 0 for what stands in no file.
        path: Keys from the top, with dots between.
    """

    value: Scalar
    line: int
    path: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A sequence."""

    items: tuple["Node", ...]
    line: int
    path: str


@dataclass(frozen=True, slots=True)
class Branch:
    """A mapping, in the order of the file."""

    entries: dict[str, "Node"]
    line: int
    path: str


Node = Leaf | Listing | Branch


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a file; sorts by line."""

    line: int
    path: str
    text: str

    def told(self, file: str) -> str:
        """Return the mistake as one line of text."""
        where = f"{file}:{self.line}" if self.line else file
        return f"{where}: {self.path}: {self.text}" if self.path else f"{where}: {self.text}"


def read(text: str, problems: list[Problem]) -> Node | None:
    """Return the YAML document's values with their lines; append what is wrong to `problems`.

    Duplicate keys are refused: YAML says they are an error, most readers keep the last in silence.
    Only plain values are built; a tag such as `!!python/object` is an error.
    """
    try:
        top = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        problems.append(Problem(mark.line + 1 if mark else 0, "", f"is not YAML: {said}"))
        return None
    except yaml.YAMLError as error:
        problems.append(Problem(0, "", f"is not YAML: {error}"))
        return None
    if top is None:
        return None
    return _located(top, "", problems, ())


def nearest(word: str, known: list[str]) -> str:
    """Return `, did you mean X?` for a known word close to this one, else the known words.

    >>> nearest("budgt", ["budget", "cooldown"])
    ', did you mean budget?'
    """
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f", did you mean {close[0]}?" if close else f", expected one of {', '.join(known)}"


def shown(node: Node) -> str:
    """Return a value as it would stand in a message: quoted when it is text, cut when it is long."""
    match node:
        case Branch():
            return "a mapping"
        case Listing():
            return "a list"
        case Leaf(value=None):
            return "empty"
        case Leaf(value=bool() as truth):
            return str(truth).lower()
        case Leaf(value=str() as text):
            return f'"{text if len(text) <= 60 else text[:57] + "..."}"'
        case Leaf(value=number):
            return str(number)


def _located(node: yaml.Node, path: str, problems: list[Problem], above: tuple[yaml.Node, ...]) -> Node:
    line = node.start_mark.line + 1
    if any(node is ancestor for ancestor in above):
        problems.append(Problem(line, path, "contains itself"))
        return Leaf(None, line, path)
    if isinstance(node, yaml.MappingNode):
        return _branch(node, path, problems, (*above, node))
    if isinstance(node, yaml.SequenceNode):
        items = (
            _located(item, f"{path}[{index}]", problems, (*above, node))
            for index, item in enumerate(node.value)
        )
        return Listing(tuple(items), line, path)
    assert isinstance(node, yaml.ScalarNode)
    return Leaf(_scalar(node, path, problems), line, path)


def _branch(
    node: yaml.MappingNode, path: str, problems: list[Problem], above: tuple[yaml.Node, ...]
) -> Branch:
    entries: dict[str, Node] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        if key is None or key_node.tag != "tag:yaml.org,2002:str":
            what = f"key {key} reads as no text, put it in quotes" if key else "a key must be text"
            problems.append(Problem(line, path, what))
            continue
        here = f"{path}.{key}" if path else key
        if key in entries:
            problems.append(Problem(line, here, f"stands twice, first in line {entries[key].line}"))
            continue
        value = _located(value_node, here, problems, above)
        # The key's line: a mapping's own begins a line later.
        match value:
            case Leaf():
                entries[key] = Leaf(value.value, line, here)
            case Listing():
                entries[key] = Listing(value.items, line, here)
            case Branch():
                entries[key] = Branch(value.entries, line, here)
    return Branch(entries, node.start_mark.line + 1, path)


def _scalar(node: yaml.ScalarNode, path: str, problems: list[Problem]) -> Scalar:
    loader = yaml.SafeLoader("")
    try:
        value = loader.construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        problem = getattr(error, "problem", None) or str(error)
        problems.append(Problem(node.start_mark.line + 1, path, f"cannot be read: {problem}"))
        return None
    finally:
        loader.dispose()
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    # Dates and binary data: nothing here wants them, so they stay the text that was written.
    return str(node.value)
