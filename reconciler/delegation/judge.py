"""From what the servers said to findings. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

from reconciler.delegation.expected import Delegation
from reconciler.delegation.finding import Finding
from reconciler.delegation.parent import Place, View
from reconciler.delegation.served import Served
from reconciler.dns import serials

_SHOWN = 13
"""Names in one text: as many as the root zone has."""
_MOST = 20
"""Findings of one kind."""


def parents(item: Delegation, views: Sequence[tuple[Place, View]]) -> Iterator[Finding]:
    """What each of the parent's servers says."""
    for place, view in views:
        server = str(place)
        if view.kind == "delegates":
            yield from _delegation(item, server, view)
        elif view.kind == "hosts":
            yield Finding(
                "ok", server, f"serves {item.zone} itself, beside its parent; the delegation is not to be seen"
            )
        elif view.kind == "missing":
            remedy = f"add the NS records of {item.zone} to {view.zone}"
            yield Finding("error", server, f"{view.zone} does not delegate {item.zone} ({view.words})", remedy, "ISP")
        elif view.kind == "above":
            text = f"delegates {view.zone} to {_listed(view.nameservers)}, and these lead no further"
            yield Finding("error", server, text, f"let a server of {view.zone} delegate {item.zone}", "ISP")
        elif view.kind == "useless":
            text = f"is listed for the zone above {item.zone}, and is not authoritative for it: {view.words}"
            yield Finding("error", server, text, "make it serve that zone, or list it no more", "ISP")
        elif not view.ours:
            text = f"a name server of the zone above does not answer: {view.words}"
            yield Finding("warning", server, text, "start it, or list it no more", "ISP")


def _delegation(item: Delegation, server: str, view: View) -> Iterator[Finding]:
    missing = sorted(set(item.nameservers) - set(view.nameservers))
    extra = sorted(set(view.nameservers) - set(item.nameservers))
    if missing:
        text = f"the delegation lacks {_listed(missing)}, which the zone names as its name server"
        yield Finding("error", server, text, f"add {_listed(missing)} to the NS records of {item.zone}", "ISP")
    if extra:
        text = f"the delegation names {_listed(extra)}, which the zone does not"
        yield Finding("error", server, text, f"take {_listed(extra)} out of the NS records of {item.zone}", "ISP")
    if not missing and not extra:
        yield Finding("ok", server, f"delegates {item.zone} to {_listed(view.nameservers)}")
    for name, wanted in item.glue.items():
        if name in view.nameservers:
            yield from _glue(server, name, wanted, view.glue.get(name, ()))


def _glue(server: str, name: str, wanted: Collection[str], found: Collection[str]) -> Iterator[Finding]:
    absent, stale = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if not found:
        text = f"no address comes along for {name}, which lies in the zone and cannot be found without (glue)"
        yield Finding("error", server, text, f"add {' and '.join(absent)} for {name}", "ISP")
        return
    if stale:
        text = f"the glue of {name} is stale or wrong: {_listed(stale)}; its address is {_listed(wanted)}"
        yield Finding("error", server, text, f"replace it by {_listed(wanted)}", "ISP")
    elif absent:
        yield Finding("error", server, f"the glue of {name} lacks {_listed(absent)}", "add it", "ISP")


def children(item: Delegation, listed: Collection[str], found: Sequence[Served]) -> Iterator[Finding]:
    """What each server says of the zone. listed: name servers that the parent names."""
    newest = reference(item, found)[0]
    for one in found:
        if one.ours:
            continue
        if one.place.name not in item.nameservers:
            yield from _forgotten(item, listed, one, newest)
        elif one.soa:
            yield from _regular(item, one, newest)
        else:
            text = f"is a name server of {item.zone}, and does not serve it (lame): {one.words}"
            remedy = (
                "look why the zone is not served there, and whether port 53 is open from outside; or drop its NS record"
            )
            yield Finding("error", str(one.place), text, remedy, "you")


def _regular(item: Delegation, one: Served, newest: int) -> Iterator[Finding]:
    server = str(one.place)
    if one.tcp:
        text = f"answers by UDP and not by TCP: {one.tcp}"
        yield Finding("error", server, text, "open port 53/tcp to it (RFC 7766)", "you")
    if one.serial != newest:
        text = f"has serial {one.serial} of {item.zone}, another server has {newest} already{_differing(one)}"
        remedy = (
            "look again in a minute if the zone was changed just now; else see why the transfer fails: NOTIFY, "
            "allow-transfer, port 53/tcp, TSIG key, and the log there"
        )
        yield Finding("error", server, text, remedy, "you")
    elif one.differing:
        text = f"has other data with the newest serial, {one.serial}{_differing(one)}"
        yield Finding("error", server, text, "deploy the state, or see who changes the zone there", "you")
    elif not one.tcp:
        yield Finding("ok", server, f"serves {item.zone} by UDP and TCP, serial {one.serial}")


def _forgotten(item: Delegation, listed: Collection[str], one: Served, newest: int) -> Iterator[Finding]:
    """A server that the zone does not name. listed: those that the parent names."""
    server, name = str(one.place), one.place.name
    if not one.soa:
        if name in listed:
            text = f"the parent names it, and it does not serve {item.zone} (lame): {one.words}"
            yield Finding("error", server, text, f"take it out of the NS records of {item.zone}", "ISP")
        return
    old = bool(one.differing) or one.serial != newest
    if old:
        why = "the parent names it" if name in listed else "it is asked all the same"
        text = f"a forgotten server: the zone does not name it, {why}, and it serves {item.zone} with serial "
        text += f"{one.serial} (newest {newest}){_differing(one)}"
        yield Finding("error", server, text, "remove the zone there, and its NS record wherever it stands", "ISP")
    else:
        text = f"serves {item.zone}, serial {one.serial}, and the zone does not name it"
        remedy = (
            "if it is meant to be one of its servers, add it to `nameservers:`; else the ISP should remove the zone"
        )
        yield Finding("warning", server, text, remedy, "you")


def unresolved(failed: Mapping[str, str]) -> Iterator[Finding]:
    """Name servers whose address is not known. failed: why, by name."""
    for name, words in islice(failed.items(), _MOST):
        text = f"its address cannot be found: {words}"
        yield Finding("error", name[:-1], text, "give it A or AAAA records, or take it out of the NS records", "you")
    if len(failed) > _MOST:
        text = f"addresses of {len(failed) - _MOST} name servers more cannot be found"
        yield Finding("error", "", text, "take them out of the NS records", "you")


def _differing(one: Served) -> str:
    if not one.differing:
        return ""
    more = f" and {len(one.differing) - 2} more" if len(one.differing) > 2 else ""
    return f"; old data: {'; '.join(one.differing[:2])}{more}"


def reference(item: Delegation, found: Sequence[Served]) -> tuple[int, str]:
    """Serial and SOA data that all servers should have: the newest among those that the zone names."""
    newest = 0, ""
    for one in found:
        if one.soa and (one.place.name in item.nameservers) and (not newest[1] or serials.newer(one.serial, newest[0])):
            newest = one.serial, one.soa
    return newest


def _listed(found: Collection[str]) -> str:
    """The first ones: a server may say thousands."""
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (", ".join(name.removesuffix(".") for name in islice(found, _SHOWN)) or "nobody") + more
