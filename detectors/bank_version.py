"""What compiled kernels were compiled from.

numba keeps compiled code on disk and compiles again when the file of the function changed, but not when a
file did whose functions or constants it inlined: a worker would go on with last week's threshold. A kernel
that closes over this number is looked up by it.
"""

from collections.abc import Sequence
from hashlib import sha256
from types import ModuleType

import numpy as np


def version_of(modules: Sequence[ModuleType]) -> int:
    """Return a number that changes with every kernel and every constant of some modules; above 0."""
    whole = sha256()
    for module in modules:
        for name, value in sorted(vars(module).items()):
            if name.startswith("__"):
                continue
            code = getattr(getattr(value, "py_func", None), "__code__", None)
            if code is not None:
                consts = [const for const in code.co_consts if not hasattr(const, "co_code")]
                whole.update(f"{name}{code.co_code.hex()}{consts}{code.co_names}".encode())
            elif isinstance(value, int | float):
                whole.update(f"{name}{value!r}".encode())
            elif isinstance(value, np.ndarray):
                whole.update(name.encode() + value.tobytes())
    return int(whole.hexdigest()[:12], 16) + 1
