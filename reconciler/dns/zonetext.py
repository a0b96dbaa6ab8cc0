"""Reading a zone's text with one record a line: what `named-compilezone -s full` and `Zone.text` write."""

import re
from collections.abc import Iterator

from reconciler.dns import names, rdata
from reconciler.errors import BadName, BadRdata

Record = tuple[str, int, str, str]
"""(owner, ttl, type, rdata), all canonical."""

_BEFORE_COMMENT = re.compile(r'(?:[^;"\\]|\\.|"(?:[^"\\]|\\.)*")*')


def parse_full(text: str) -> Iterator[Record]:
    """The records of a zone text, in its order; absolute owner, TTL and class IN stand on every line.

    Blank lines and comments are skipped. Raises BadRdata with the line's number for anything else.
    """
    last_text = last_owner = ""
    for number, line in enumerate(text.split("\n"), start=1):
        fields = line.split(None, 4)
        if not fields or fields[0][0] == ";":
            continue
        try:
            owner_text, ttl, rclass, rtype, value = fields
            if rclass != "IN" or owner_text[-1] != ".":
                raise BadRdata("the owner is not absolute, or the class is not IN")
            if owner_text != last_text:
                last_text, last_owner = owner_text, names.parse(owner_text)
            yield last_owner, int(ttl), *_data(rtype, value)
        except (BadRdata, BadName) as error:
            raise BadRdata(f"line {number}: {error}") from None
        except ValueError:
            raise BadRdata(f"line {number}: not a record with owner, TTL, class, type and data") from None


def _data(rtype: str, value: str) -> tuple[str, str]:
    mnemonic = rdata.canonical_type(rtype)
    if ";" in value and (match := _BEFORE_COMMENT.match(value)):
        value = match[0]
    return mnemonic, rdata.canonical(mnemonic, value.rstrip(), ".")
