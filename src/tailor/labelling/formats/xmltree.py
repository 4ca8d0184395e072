"""XML from outside: no document types, so no entities; a bounded number of elements, not too deep."""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder, indent, tostring
from xml.parsers import expat

from tailor.errors import DataError
from tailor.limits import XML_DEPTH, XML_ELEMENTS


def parse_xml(data: bytes, name: str) -> Element:
    """The root element of an XML text.

    A document type is refused as a whole: neither the entities that it declares nor files that it names are ever read.

    Args:
        data: the text.
        name: of the file, for messages.

    Raises:
        DataError: it is no XML, declares a document type, or goes beyond the limits.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = count = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > XML_DEPTH or count > XML_ELEMENTS:
            raise DataError(f"{name} is nested deeper than {XML_DEPTH} elements, or has more than {XML_ELEMENTS:,}")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise DataError(f"{name} declares a document type (`<!DOCTYPE`), which is refused", "Take it out; labels need none.")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
        return builder.close()
    except (expat.ExpatError, AssertionError) as error:
        raise DataError(f"{name} is no XML: {error}") from error


def xml_bytes(root: Element) -> bytes:
    """The text of an element, indented."""
    indent(root)
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def said(element: Element | None, tag: str, default: str = "") -> str:
    """The text of the first child with this tag, without white space around it."""
    found = element.find(tag) if element is not None else None
    return (found.text or "").strip() if found is not None and found.text else default


def number_text(value: float) -> str:
    """A number as these files have it: whole where it is whole, else as short as it reads back."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))
