"""What one asks the parent's administrator for: records to copy, and a letter. Pure."""

from ipaddress import IPv4Network

from reconciler.delegation.expected import Delegation
from reconciler.dns import names


def records(item: Delegation, *, relative: bool = False) -> list[str]:
    """Master-file lines for the parent zone (RFC 1035 section 5), with absolute names or relative to its $ORIGIN.

    NS records, addresses of name servers below the zone (glue), and the CNAMEs of RFC 2317 section 4.
    """

    def name(text: str) -> str:
        # What is relative to the parent has to lie below it; else the name stays as it is.
        return names.relativize(text, item.parent) if relative else text

    lines = [f"$ORIGIN {item.parent}"] if relative else []
    lines += [f"{name(item.zone)} {item.ttl} IN NS {name(server)}" for server in item.nameservers]
    for server, addresses in item.glue.items():
        lines += [f"{name(server)} {item.ttl} IN {_type(address)} {address}" for address in addresses]
    lines += [f"{name(owner)} {item.ttl} IN CNAME {name(target)}" for owner, target in item.links.items()]
    return lines


def letter(item: Delegation, *, relative: bool = False) -> str:
    """The whole text for the administrator of the parent zone, records included."""
    asked = _reverse(item) if item.network is not None else _forward(item)
    wants = "\n".join(_numbered(asked))
    lines = "\n".join(f"    {line}" for line in records(item, relative=relative))
    return f"{_opening(item)}\n\n{wants}\n\n{lines}\n\n{_closing(item)}\n"


def notes(item: Delegation) -> list[str]:
    """What the owner of the zone should know before he asks, one sentence each."""
    found = []
    if item.private:
        found.append(
            f"{item.private}: no provider delegates it, only whoever runs your organisation's own DNS. "
            "If that is you alone, there is nothing to ask for"
        )
    for server, addresses in item.glue.items():
        if not addresses:
            found.append(f"{server} lies in the zone, which has no address for it: add it, or nobody finds the server")
    if len(item.nameservers) < 2:
        found.append("the zone has one name server; many providers and registries want two (RFC 2182)")
    if item.others:
        named = " or ".join(f"`reverse: {_plain(other)}`" for other in item.others)
        found.append(
            f"the zone's name is this provider's choice. If yours uses another style, write {named} for the network "
            "in site.yaml (and rename a file of the zone below zones/), push, and run this again"
        )
    return found


def _opening(item: Delegation) -> str:
    if item.network is None:
        zone, above = _plain(item.zone), _plain(item.parent)
        return (
            f"Subject: delegation of {zone}\n\nHello,\n\nwe run our own name servers for {zone} and would like the "
            f"zone {above} to delegate it to them.\nThis is what we ask for:"
        )
    return (
        f"Subject: delegation of reverse DNS for {item.network}\n\n"
        f"Hello,\n\nwe have the addresses {item.network} from you. We run our own name servers, and would like to be\n"
        "authoritative for the reverse DNS (PTR records) of these addresses, and of no others. This is what we ask for:"
    )


def _forward(item: Delegation) -> list[str]:
    above = _plain(item.parent)
    wants = [f"In the zone {above}: the records below. At a registrar: enter these as the domain's name servers."]
    if item.glue:
        wants.append("Name servers inside of the domain need their addresses as well (glue, or host objects).")
    return [*wants, _old(item), _unsigned()]


def _reverse(item: Delegation) -> list[str]:
    zone, above = _plain(item.zone), _plain(item.parent)
    if not item.links:
        wants = [f"In your zone {above}: the NS records below, which delegate {zone} to our servers."]
        return [*wants, _old(item), _unsigned()]
    wants = [
        f"In your zone {above}, in the way of RFC 2317 (Classless IN-ADDR.ARPA delegation):\n   NS records that "
        f"delegate {zone} to our servers,\n   and one CNAME for each of the {len(item.links)} addresses.",
        "Please remove PTR records that your zone has for these addresses: a name with a CNAME has nothing else.",
    ]
    if item.others:
        named = " or ".join(_plain(other) for other in item.others)
        wants.append(f"If you name such zones in another way, such as {named}:\n   tell us; we shall take that name.")
    return [*wants, _old(item), _unsigned()]


def _old(item: Delegation) -> str:
    what = "for these addresses" if item.network is not None else "for this domain"
    return (
        f"If another name server of yours has answered {what} until now: please remove the zone there, and its NS\n"
        "   record. Otherwise some of the world goes on getting its old answers."
    )


def _unsigned() -> str:
    return "No DS record: the zone is not signed with DNSSEC."


def _closing(item: Delegation) -> str:
    lines = [
        "We do not ask you to host DNS, to register a domain, nor to enter single names for us: we do that on our",
        "servers, which answer for the zone already. Please tell us when it is done, or whom else we have to ask.",
    ]
    if item.links and isinstance(item.network, IPv4Network):
        first, last = int(item.network[0]) & 255, int(item.network[-1]) & 255
        label = names.labels(item.zone)[0]
        lines.append(f"With BIND one line stands for all the CNAMEs: $GENERATE {first}-{last} $ CNAME $.{label}")
    return "\n".join(lines) + "\n\nThank you."


def _numbered(wants: list[str]) -> list[str]:
    return [f"{number}. {text}" for number, text in enumerate(wants, 1)]


def _type(address: str) -> str:
    return "AAAA" if ":" in address else "A"


def _plain(zone: str) -> str:
    """A zone's name as it stands in a sentence."""
    return zone[:-1] or "."
