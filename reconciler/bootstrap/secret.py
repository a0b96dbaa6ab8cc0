"""Secrets in node files. Where one is not at hand its place holds what the program refuses, never a working default."""

import re

from reconciler.bootstrap.facts import Facts
from reconciler.errors import Refused
from reconciler.state.pair import Pair
from reconciler.state.schema import Site
from reconciler.state.secret import SecretRef

DEFAULT_AUTH = SecretRef.model_validate({"secret": "heartbeat"})
"""heartbeat does not start without a key."""

_PLAIN = re.compile(r"[A-Za-z0-9+/=_.:,%^~-]+", re.ASCII)
"""What no format here means anything by, nor expands; base64 and hexadecimal digits are of these."""


def wanted(pair: Pair | None) -> dict[str, str]:
    """Names of the secrets that a pair's files need, with what each is for."""
    found: dict[str, str] = {}
    if pair is not None and pair.drbd is not None and pair.drbd.shared_secret is not None:
        found[pair.drbd.shared_secret.secret] = "DRBD's handshake"
    reference = auth(pair)
    if pair is not None and reference is not None:
        found[reference.secret] = f"{pair.manager}, by which its nodes know each other"
    return found


def of_daemon(site: Site) -> list[str]:
    """Names of the secrets that the daemon reads: TSIG keys, passwords of providers."""
    found = [key.secret for key in site.keys.values()]
    for item in site.wan.publish if site.wan else ():
        found += [*([item.password] if item.password else []), *item.secrets.values()]
    return sorted({reference.secret for reference in found})


def auth(pair: Pair | None) -> SecretRef | None:
    """The word of the pair's manager, where it takes one."""
    if pair is None or pair.manager == "pacemaker":
        return None
    return pair.auth or (DEFAULT_AUTH if pair.manager == "heartbeat" else None)


def missing(facts: Facts) -> list[str]:
    """Names of wanted secrets that are not at hand."""
    return [name for name in wanted(facts.site.pair) if name not in facts.secrets]


def value(facts: Facts, reference: SecretRef, longest: int) -> str | None:
    """The secret, None where it is not at hand. Raises Refused, never showing it."""
    text = facts.secrets.get(reference.secret)
    if text is None:
        return None
    if not _PLAIN.fullmatch(text) or len(text) > longest:
        raise Refused(
            f"secret {reference.secret} cannot be used: write 1 to {longest} letters, digits and + / = _ . : , % ^ ~ -"
        )
    return text


def placeholder(reference: SecretRef) -> str:
    """What stands in the place of a secret: programs say that they cannot read it."""
    return f"@@MISSING-SECRET-{reference.secret}@@"
