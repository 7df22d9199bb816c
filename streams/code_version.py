"""Which code says things: a digest of the sources that the engine is made of.

The engine, the readers of what it is given, the writers of what it says, and whatever those import from
Suture's own folders, by name and content: all that a decision can hang on, but for Python and its libraries.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_ROOTS = ("streams.engine", "schemas.observation_messages", "schemas.effect_messages")
_ROOT = Path(__file__).resolve().parent.parent
_FOLDERS = frozenset({"schemas", "detectors", "actions", "streams"})


@cache
def code_digest(root: Path = _ROOT) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 over the engine's sources; read once.

    Args:
        root: The folder in which Suture's packages lie.
    """
    sha = hashlib.sha256()
    for name, source in sorted(engine_sources(root).items()):
        content = hashlib.sha256(source).hexdigest()
        sha.update(f"{name} {content}\n".encode())
    return sha.hexdigest()[:16]


def engine_sources(root: Path = _ROOT) -> dict[str, bytes]:
    """Return the source of each module that the engine is made of, by the module's name."""
    found: dict[str, bytes] = {}
    waiting = list(_ROOTS)
    while waiting:
        name = waiting.pop()
        file = _file_of(root, name)
        if name in found or file is None:
            continue
        found[name] = file.read_bytes()
        waiting += _imports(found[name])
    return found


def _file_of(root: Path, module: str) -> Path | None:
    path = root.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def _imports(source: bytes) -> Iterator[str]:
    """Yield the names of our own that a module imports; some are modules, the others things in them."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.partition(".")[0] in _FOLDERS)
