"""From what a client calls itself to a label that may stand in DNS. Whatever it says is taken for an attack."""

import re
from ipaddress import IPv4Address
from typing import NamedTuple

from reconciler.dns.reverse import Address
from reconciler.state.text import shown

MAX_LABEL = 63
"""RFC 1035 section 2.3.4."""

SERVICES = frozenset(
    # The host itself (RFC 6761 section 6.3, and what systems write into their hosts files).
    {"localhost", "localdomain", "local", "broadcasthost", "ip6-localhost", "ip6-loopback", "loopback"}
    # Found by programs that nobody told to look (WPAD; ISATAP: RFC 5214 section 8.3; mail clients; RFC 8461; RFC 7929).
    | {"wpad", "isatap", "teredo", "autoconfig", "autodiscover", "mta-sts", "openpgpkey"}
    # By custom the name of a service (RFC 2219, and those that a network's clients look for).
    | {"archie", "finger", "ftp", "gopher", "ldap", "mail", "news", "nntp", "ntp", "ph", "pop", "rwhois", "smtp"}
    | {"wais", "whois", "www", "imap", "kerberos", "proxy", "dhcp", "dns", "ns", "gateway", "router"}
)
"""Labels that no lease can take in any network. Name servers with a number (`ns1`) are meant as well."""

_CLEAN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_BLANKS = re.compile(r"[\x00-\x20\x7f_]+")
_DROPPED = re.compile(r"[^A-Za-z0-9-]+")
_NAME_SERVER = re.compile(r"ns[0-9]+")
_GENERATED = re.compile(r"dhcp(?:(?:-[0-9]{1,3}){4}|(?:-[0-9a-f]{1,4}){8})")


class Said(NamedTuple):
    """The label that a client's name comes to, None for none; and what is to be told about it, if anything."""

    label: str | None
    complaint: str | None = None


def sanitise(text: str) -> str | None:
    """One label in lower case of letters, digits and inner hyphens; None where nothing usable is left.

    Blanks, control characters and underscores become a hyphen, everything else is dropped, letters outside
    ASCII as well: a name that only looks like another is not made. More than 63 characters are none, and neither
    is what only IDNA may write (`xn--`; RFC 5890 section 2.3.1).
    """
    if not _CLEAN.fullmatch(text):
        # Only now to lower case: some letters outside ASCII become ASCII ones by it.
        text = _DROPPED.sub("", _BLANKS.sub("-", text)).strip("-").lower()
        if not 0 < len(text) <= MAX_LABEL:
            return None
    return None if text[2:4] == "--" else text


def read(text: str, domain: str) -> Said:
    """What a client in a network of this domain (canonical, absolute) says, as a label of the domain.

    Of `x.internal.example.org` in that domain the label is `x`; of a name in any other domain it is the first label
    too, and that is told, for the rest is not the client's to choose.
    """
    first, dot, rest = text.removesuffix(".").partition(".")
    label = sanitise(first)
    if label is None:
        return Said(None, f"{shown(text)} is no name for DNS")
    if dot and f"{rest.lower()}." != domain:
        return Said(label, f"{shown(text)} leads out of its network's domain, so that only {label} is used")
    return Said(label)


def is_service(label: str) -> bool:
    """Whether clients or people expect a service of the network behind this label."""
    return label in SERVICES or _NAME_SERVER.fullmatch(label) is not None


def generated(address: Address) -> str:
    """The label for an address whose client has no name: dhcp-192-168-3-57, dhcp-2001-db8-0-0-0-0-0-41."""
    if isinstance(address, IPv4Address):
        return f"dhcp-{str(address).replace('.', '-')}"
    number = int(address)
    return "dhcp-" + "-".join(f"{number >> shift & 0xFFFF:x}" for shift in range(112, -1, -16))


def is_generated(label: str) -> bool:
    """Whether the label has the form of a generated one, which is for its own address alone."""
    return label.startswith("dhcp-") and _GENERATED.fullmatch(label) is not None
