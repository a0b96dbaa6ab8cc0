"""How named.conf writes strings, and the name of our own key. Pure."""

import re

from reconciler.errors import Refused

OWN_KEY = "reconciler"
"""Name of the node's own TSIG key."""

_UNQUOTABLE = re.compile(r'["\x00-\x1f\x7f]')


def quote(text: str) -> str:
    """A string for named.conf. Raises Refused for what cannot stand in one.

    named's lexer keeps a backslash as it is (`\\\\` stays two), so names with escapes need none more; a quote after a
    backslash loses the backslash, so a quote cannot be written faithfully.
    """
    if _UNQUOTABLE.search(text) or text.endswith("\\"):
        raise Refused(
            f"BIND's configuration cannot hold {text!r}: it has a quote, a control character or a last backslash"
        )
    return f'"{text}"'
