"""Reading what a source answered. Whoever answers is not trusted: one address of the asked family, or a refusal."""

from collections.abc import Sequence
from ipaddress import ip_address

from reconciler.state.wan import Family
from reconciler.wan.public import Address, Refusal, flaw

LIMIT = 4096
"""Octets that an answer may have."""

_LONGEST = 45
"""Characters of an address as text (INET6_ADDRSTRLEN less the end)."""

_SUBNET = "edns0-client-subnet"
"""Google's o-o.myaddr.l.google.com may add a text that begins so, with the subnet of a resolver that asked."""


def read(data: bytes, family: Family) -> Address | Refusal:
    """What a page or program answered: one address with nothing but blanks around it."""
    if len(data) > LIMIT:
        return Refusal(f"the answer has more than {LIMIT} octets")
    try:
        text = data.decode("ascii").strip()
    except UnicodeDecodeError:
        return Refusal("the answer is not plain text")
    return _read(text, family)


def read_records(texts: Sequence[str], family: Family) -> Address | Refusal:
    """What a DNS server answered: one record's data, or a TXT record's strings without quotes."""
    told = {text for text in texts if not text.startswith(_SUBNET)}
    if len(told) > 1:
        return Refusal(f"the answer has {len(told)} records, not one")
    return _read(told.pop().strip(), family) if told else Refusal("the answer is empty")


def _read(text: str, family: Family) -> Address | Refusal:
    if not text:
        return Refusal("the answer is empty")
    if len(text) > _LONGEST or "%" in text:
        words = text.split()
        many = len(words) > 1 and all(map(_address, words))
        kind = f"{len(words)} addresses" if many else "HTML" if text.startswith("<") else "no address"
        return Refusal(f"the answer is {kind}, not one address")
    address = _address(text)
    if address is None:
        parts = text.replace(",", " ").split()
        if len(parts) > 1 and all(map(_address, parts)):
            return Refusal(f"the answer has {len(parts)} addresses, not one")
        return Refusal("the answer is HTML, not an address" if text.startswith("<") else "the answer is no address")
    if address.version != family.version:
        return Refusal(f"the answer is an IPv{address.version} address, {family} was asked for")
    said = flaw(address)
    return Refusal(said) if said else address


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
