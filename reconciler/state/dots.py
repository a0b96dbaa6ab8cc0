"""Finds names that were meant to be absolute and lack their trailing dot."""

from reconciler.dns import names

NO_DOT = "missing trailing dot"


def missing(text: str, origin: str) -> bool:
    """Whether a name as written, relative to `origin` (canonical), looks fully qualified.

    It has two labels or more, and the last is the origin's own last label (`mail.example.org` inside
    example.org); in a reverse zone (RFC 1035 section 3.5, RFC 3596 section 2.5) any that is a word.
    """
    if text.endswith(".") or "." not in text or origin == ".":
        return False
    parts = names.labels(text.lower() + ".")
    if len(parts) < 2:
        return False
    return parts[-1] == names.labels(origin)[-1] or (
        names.is_under(origin, "arpa.") and parts[-1].isalpha() and len(parts[-1]) > 1
    )


def advice(text: str, origin: str) -> str:
    """What to write instead, for either meaning."""
    return f"write {text}. (or, if it is meant, {text}.{origin})"
