"""What is worth an entry in the audit."""

from typing import NamedTuple


class News(NamedTuple):
    """Something that happened to the public address.

    result: found, published, failed, refused or asked. said_by: the sources that say the address. names: those that
    it is published for. asked_by: the operator who asked for it.
    """

    result: str
    address: str
    text: str
    said_by: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    asked_by: str = ""
