"""JSON from outside: read strictly, refused without repeating a word of it."""

from typing import TypeAlias

from pydantic_core import from_json as parse

from schemas.errors import SchemaError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def read_json(data: bytes, what: str) -> Json:
    """Return the value that UTF-8 JSON text holds; of a repeated key the last one counts.

    NaN and infinities, lone surrogates, nesting beyond 200 and numbers of thousands of digits are
    refused: each of them breaks something further on.

    Args:
        data: The text.
        what: What it should be, for the message.

    Raises:
        SchemaError: it is not such JSON; says where, never what.

    >>> read_json(b'{"a": [1, 2.5, null]}', "an example")
    {'a': [1, 2.5, None]}
    """
    try:
        value: Json = parse(data, allow_inf_nan=False)
    except ValueError as error:
        raise SchemaError(f"{what} is not JSON: {error}") from error
    return value


def read_object(data: bytes, what: str) -> dict[str, Json]:
    """Return the JSON object that the text holds.

    Raises:
        SchemaError: it is not JSON, or not an object.
    """
    return require_object(read_json(data, what), what)


def require_object(value: Json, what: str) -> dict[str, Json]:
    """Return `value`, or refuse it when it is not an object.

    Raises:
        SchemaError: `value` is not an object.
    """
    if not isinstance(value, dict):
        raise SchemaError(f"{what} is {kind_of(value)}, expected an object")
    return value


def kind_of(value: Json) -> str:
    """Return what JSON calls the value's kind.

    >>> kind_of(True), kind_of(None), kind_of(1.5)
    ('a boolean', 'null', 'a number')
    """
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return "a number"
