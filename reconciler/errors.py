"""Every exception that this package raises on purpose, under one root.

The text of each is a sentence for a person: what was found, where, and what to do.
"""


class ReconcilerError(Exception):
    """Root of all errors raised on purpose; its text can be shown to a person as it is."""


class BadName(ReconcilerError):
    """A text is not a domain name that DNS can carry (RFC 1035 section 2.3.4)."""


class BadRdata(ReconcilerError):
    """A text is not valid record data for its type."""


class ConfigError(ReconcilerError):
    """The node's own settings (node.yaml) cannot be used."""


class Refused(ReconcilerError):
    """A change is not allowed: a mistake in the state, a guard, or a server's own checker said no.

    Trying again cannot help until the state or the node's settings change.
    """


class ApplyFailed(ReconcilerError):
    """A server did not come to serve what it was given; the last good state has been put back.

    Permanent: the same input would fail in the same way, so it is not retried until something changes.
    """


class NotPutBack(ApplyFailed):
    """As ApplyFailed, but what was there before could not be put back everywhere: a part of the change is served."""


class Temporary(ReconcilerError):
    """Something that may pass by itself (a server is down, a query timed out): worth another try."""


class NotPrimary(ReconcilerError):
    """This node does not hold the primary role (any more), so the effect was not carried out."""


class Alone(ReconcilerError):
    """The other node of a pair is not connected, and may be primary as well: nothing is done outside."""


class BadRepository(ReconcilerError):
    """The state repository, or the audit in it, cannot be read or written: missing, damaged, or in the way."""


def words(error: Exception) -> str:
    """What an error says to a person: of the operating system's the file and the reason, without the number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def visible(text: str) -> str:
    """A text that may come from files, servers or pushes, for a terminal: control characters could steer it."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in text)
