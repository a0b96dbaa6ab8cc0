"""Escape hatches: raw text for a server, let through where it can do no more than serve names and leases.

Who may push must not become root by it, nor read other files: no directive here runs a program, names a
file or folder, changes user, port or interface, or includes something. The node's own node.yaml can widen the lists.
"""

from dataclasses import dataclass

from reconciler.state import bindtext, dnsmasqtext
from reconciler.state.model import Hatch
from reconciler.state.problem import Problem
from reconciler.state.text import MEBIBYTE, decode, position
from reconciler.state.tree import Blob

LIMIT = 4 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class HatchAllowance:
    """What node.yaml allows beyond the built-in lists.

    bind: top-level statements (everything inside them is let through), or `STATEMENT.PART` for one part
    of `zone` or `server`. dnsmasq: directives.
    """

    bind: frozenset[str] = frozenset()
    dnsmasq: frozenset[str] = frozenset()


def read_bind(path: str, blob: Blob, allow: HatchAllowance) -> tuple[Hatch, list[Problem]]:
    """One file of bind.d/."""
    text, problems = _text(path, blob)
    return Hatch(path, text), problems or bindtext.check(path, text, allow.bind)


def read_dnsmasq(path: str, blob: Blob, allow: HatchAllowance) -> tuple[Hatch, list[Problem]]:
    """One file of dnsmasq.d/."""
    text, problems = _text(path, blob)
    return Hatch(path, text), problems or dnsmasqtext.check(path, text, allow.dnsmasq)


def _text(path: str, blob: Blob) -> tuple[str, list[Problem]]:
    text, problems = decode(path, blob.data, LIMIT)
    text = text.replace("\r\n", "\n")
    single = text.find("\r")
    if single >= 0:  # Servers may take it for the end of a line, and so of a comment.
        problems = [Problem(position(path, text, single), "a carriage return without a newline", "remove it")]
    return text, problems
