"""What the parent has for single addresses of an RFC 2317 zone: CNAMEs that lead into it, or something else."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Literal, NamedTuple

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from reconciler.delegation.asking import Asker, Silent
from reconciler.delegation.expected import Delegation
from reconciler.delegation.finding import Finding
from reconciler.delegation.parent import Place
from reconciler.dns import names
from reconciler.services.bind.query import rrset_in

Kind = Literal["cname", "ptr", "delegated", "none", "silent"]


class Link(NamedTuple):
    """What one server has for the PTR name of an address. target: where it leads, or the answer in short."""

    kind: Kind
    target: str = ""


def read(message: dns.message.Message, owner: str) -> Link:
    """Understand the answer of a server that was asked, without recursion, for the name's PTR record. Pure."""
    if message.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Link("silent", dns.rcode.to_text(message.rcode()))
    if cname := rrset_in(message.answer, owner, "CNAME"):
        return Link("cname", cname.rdatas[0])
    if pointer := rrset_in(message.answer, owner, "PTR"):
        return Link("ptr", pointer.rdatas[0])
    for found in message.authority:
        if found.rdtype == dns.rdatatype.NS and not message.flags & dns.flags.AA:
            return Link("delegated", found.name.to_text().lower())
    return Link("none")


def ask(asker: Asker, place: Place, item: Delegation, pool: Executor) -> dict[str, Link]:
    """What the server has, by PTR name; ends after the first name where it does not answer at all."""

    def one(owner: str) -> Link:
        try:
            return read(asker.ask(place.address, owner, "PTR"), owner)
        except Silent as error:
            return Link("silent", str(error))

    first, *others = item.links
    found = {first: one(first)}
    if found[first].kind != "silent":
        found.update(zip(others, pool.map(one, others), strict=True))
    return found


def judge(place: Place, item: Delegation, found: Mapping[str, Link]) -> list[Finding]:
    """What is wrong with them, addresses of one fault together. Pure."""
    by_fault: dict[tuple[str, str], list[str]] = {}
    for owner, link in found.items():
        if link != ("cname", item.links[owner]):
            by_fault.setdefault((link.kind, _led_to(link)), []).append(owner)
    if not by_fault:
        return [Finding("ok", str(place), f"the CNAMEs of all {len(found)} addresses lead into {item.zone}")]
    return [_fault(place, item, kind, where, owners, found) for (kind, where), owners in by_fault.items()]


def _led_to(link: Link) -> str:
    if link.kind == "cname":
        return names.parent(link.target)
    return link.target if link.kind in ("delegated", "silent") else ""


def _fault(
    place: Place, item: Delegation, kind: str, where: str, owners: Sequence[str], found: Mapping[str, Link]
) -> Finding:
    which = _addresses(owners, item)
    server = str(place)
    if kind == "silent":
        return Finding("error", server, f"no use in asking for {which}: {where}", "ask again later", "you")
    if kind == "none":
        return Finding("error", server, f"no CNAME for {which}", f"add the CNAMEs into {item.zone}", "ISP")
    if kind == "ptr":
        example = found[owners[0]].target
        return Finding(
            "error",
            server,
            f"PTR records in place of CNAMEs, old data, for {which}: the first points to {example}",
            f"put CNAMEs into {item.zone} in their place",
            "ISP",
        )
    if kind == "delegated":
        return Finding("error", server, f"{which}: delegated as zone {where}", f"put CNAMEs into {item.zone}", "ISP")
    if where == item.zone:
        first = owners[0]
        text = f"CNAME of {which} leads to another address: {first} to {found[first].target}"
        return Finding("error", server, text, f"let it lead to {item.links[first]}", "ISP")
    remedy = f"let them lead into {item.zone}"
    if where in item.others or names.is_under(where, item.parent):
        remedy += f"; or, easier, you take that name: `reverse: {where[:-1]}` for the network in site.yaml"
    return Finding("error", server, f"CNAMEs of {which} lead into {where}, not {item.zone}", remedy, "ISP")


def _addresses(owners: Iterable[str], item: Delegation) -> str:
    """Last octets as ranges: "3 of 64 addresses (.193-.194, .200)"."""
    octets = sorted(int(owner.partition(".")[0]) for owner in owners)
    runs: list[list[int]] = []
    for octet in octets:
        if runs and octet == runs[-1][1] + 1:
            runs[-1][1] = octet
        else:
            runs.append([octet, octet])
    shown = ", ".join(f".{first}" if first == last else f".{first}-.{last}" for first, last in runs)
    return f"{len(octets)} of {len(item.links)} addresses ({shown})"
