"""JSON forms of the values: one door to pydantic, so that every wire form is checked the same way."""

import hashlib
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from schemas.errors import SchemaError

T = TypeVar("T")


_adapters: dict[Any, TypeAdapter[Any]] = {}


def adapter(kind: Any) -> TypeAdapter[Any]:
    """Return the validator and serialiser of a type; building one is slow, so each is built once."""
    found = _adapters.get(kind)
    if found is None:
        found = _adapters[kind] = TypeAdapter(kind)
    return found


def to_json(value: object, kind: type[Any] | None = None) -> bytes:
    """Return the value as JSON: fields in the order of their definition, so equal values give equal bytes."""
    return adapter(kind or type(value)).dump_json(value)


def from_json(kind: type[T], data: bytes | str) -> T:
    """Return the value that the JSON text describes.

    Raises:
        SchemaError: it is not JSON, or not of that kind; says where and what was expected.
    """
    try:
        value: T = adapter(kind).validate_json(data)
    except ValidationError as error:
        raise SchemaError(explain(getattr(kind, "__name__", str(kind)), error)) from error
    return value


def from_python(kind: type[T], data: object) -> T:
    """Return the value that plain dicts, lists and strings describe.

    Raises:
        SchemaError: they do not; says where and what was expected.
    """
    try:
        value: T = adapter(kind).validate_python(data)
    except ValidationError as error:
        raise SchemaError(explain(getattr(kind, "__name__", str(kind)), error)) from error
    return value


def explain(what: str, error: ValidationError) -> str:
    """Return a validation error as one line that never repeats the input, which may hold secrets."""
    parts = [
        f"{'.'.join(str(step) for step in entry['loc']) or 'value'}: {entry['msg']}"
        for entry in error.errors(include_url=False, include_input=False, include_context=False)[:5]
    ]
    return f"{what}: {'; '.join(parts)}"


def digest(value: object, kind: type[Any] | None = None) -> str:
    """Return a short digest of a value's JSON form: equal for equal settings, on every machine."""
    return hashlib.sha256(to_json(value, kind)).hexdigest()[:12]
