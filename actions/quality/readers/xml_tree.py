"""XML from outside: no entities, nothing fetched, bounded in depth and in elements.

Source: defusedxml, "XML attacks"; a document type line is let through, since Cobertura and JaCoCo write
one, but nothing may be declared in it and nothing is loaded for it.
"""

from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from schemas.errors import SchemaError

DEEPEST = 100
"""Elements within elements; the deepest format here, nested JUnit suites, stays far below."""

MOST_ELEMENTS = 3_000_000


class _BoundedBuilder(TreeBuilder):
    """Builds the tree, and stops before a hostile one is too large for the code that walks it."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self._elements = 0

    def start(self, tag: Any, attrs: Any) -> Element:
        self._depth += 1
        self._elements += 1
        if self._depth > DEEPEST:
            raise SchemaError(f"XML is nested deeper than {DEEPEST} elements")
        if self._elements > MOST_ELEMENTS:
            raise SchemaError(f"XML has more than {MOST_ELEMENTS} elements")
        return super().start(_local(tag), attrs)

    def end(self, tag: Any) -> Element:
        self._depth -= 1
        return super().end(_local(tag))


def read_tree(data: bytes) -> Element:
    """Return the root element; tags are without their namespace.

    Raises:
        SchemaError: it is not XML, declares entities, or is nested too deep.
    """
    parser = XMLParser(target=_BoundedBuilder(), forbid_dtd=False, forbid_entities=True, forbid_external=True)
    try:
        parser.feed(data)
        root: Element = parser.close()
    except DefusedXmlException as error:
        raise SchemaError("XML declares entities or external references, expected none") from error
    except ParseError as error:
        line, column = error.position
        raise SchemaError(f"is not well-formed XML: line {line}, column {column}") from error
    except (ValueError, LookupError) as error:
        # An encoding that does not exist, or one of several bytes a character that expat cannot take.
        raise SchemaError("XML is in an encoding that cannot be read, expected UTF-8") from error
    return root


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
