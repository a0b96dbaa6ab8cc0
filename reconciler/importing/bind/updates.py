"""Who may change a zone: `update-policy` and `allow-update` as grants of the state.

Source: BIND 9 ARM, "Dynamic Update Policies".
"""

from typing import NamedTuple

from pydantic import ValidationError

from reconciler.dns import names, rdata
from reconciler.errors import BadName, BadRdata
from reconciler.importing.bind.matching import Lists, key_name
from reconciler.importing.bind.syntax import Statement, plain
from reconciler.importing.found import FoundGrant
from reconciler.state.schema import UpdateGrant

_WHOLE_ZONE = ("@", "*")
"""`*` stands for one or more labels."""


class Updates(NamedTuple):
    """What a statement means. troubles: what of it was left, each with the statement or rule it is about."""

    dynamic: bool
    grants: tuple[FoundGrant, ...] = ()
    troubles: tuple[tuple[Statement, str], ...] = ()


def allow_update(statement: Statement, lists: Lists, keys: frozenset[str]) -> Updates:
    """`allow-update`: a key may change everything in the zone. keys: those that were taken."""
    match = lists.match(statement)
    if match.nobody:
        return Updates(dynamic=False)
    troubles = []
    if "any" in match.said:
        troubles.append("ANYBODY could change this zone; nobody can now but keys that are named under update:")
    elif match.said:
        troubles.append(f"updates from {', '.join(match.said[:4])} had no signature; give each such client a key")
    if match.unsaid:
        troubles.append(f"{', '.join(match.unsaid[:4])}: the state grants updates to keys only")
    grants = [FoundGrant(key, name, ("ANY",)) for key in match.keys if key in keys for name in _WHOLE_ZONE]
    troubles += [f"key {plain(key)} was not taken, so it has no grant" for key in match.keys if key not in keys]
    return Updates(True, tuple(grants), tuple((statement, text) for text in troubles))


def update_policy(statement: Statement, zone: str, keys: frozenset[str]) -> Updates:
    """`update-policy`: its rules up to the first that the state cannot say and that takes something away."""
    if statement.value.lower() == "local":
        note = "named's session key (nsupdate -l) has no grant any more; give the client a key"
        return Updates(True, troubles=((statement, note),))
    grants: list[FoundGrant] = []
    troubles: list[tuple[Statement, str]] = []
    denied = False
    for rule in statement.inner:
        if rule.name == "deny":
            denied = True
            troubles.append((rule, "the state has no deny; this rule and the grants after it were left"))
        elif not denied:
            found = _grant(rule, zone, keys)
            if isinstance(found, str):
                troubles.append((rule, found))
            else:
                grants += found
    return Updates(True, tuple(grants), tuple(troubles))


def _grant(rule: Statement, zone: str, keys: frozenset[str]) -> list[FoundGrant] | str:
    """`grant KEY RULETYPE [NAME] [TYPE…]`, or why it is left. Without types named lets all but SOA, NS and RRSIG
    change, which the state says with an empty list."""
    words = rule.words
    if len(words) < 3 or words[0].lower() != "grant":
        return "not understood"
    key, kind, rest = key_name(words[1]), words[2].lower(), words[3:]
    if kind not in ("zonesub", "name", "subdomain", "wildcard"):
        return f"the state has no rule of type {plain(kind)}"
    if key not in keys:
        return f"key {plain(key)} was not taken, so it has no grant"
    try:
        if kind == "zonesub":
            owners, types = list(_WHOLE_ZONE), rest
        else:
            owners, types = _owners(kind, names.parse(rest[0]), zone), rest[1:]
        canonical = tuple(_type(text) for text in types)
    except (BadName, BadRdata, IndexError) as error:
        return str(error) or "it has no name"
    try:
        for owner in owners:
            UpdateGrant.model_validate({"key": key, "name": owner, "types": list(canonical)})
    except ValidationError:
        return f"the state cannot name {', '.join(owners)} in a grant"
    return [FoundGrant(key, owner, canonical) for owner in owners]


def _owners(kind: str, name: str, zone: str) -> list[str]:
    if not names.is_under(name, zone):
        raise BadName(f"{name} is not in zone {zone}")
    relative = names.relativize(name, zone)
    if kind == "subdomain":
        return [relative, "*" if relative == "@" else f"*.{relative}"]
    if (kind == "wildcard") != (names.labels(name)[:1] == ("*",)) and kind != "subdomain":
        raise BadName(f"a rule of type {kind} for {name} cannot be said in the state")
    return [relative]


def _type(text: str) -> str:
    """A record type; `A(5)` limits how many there may be, which the state cannot say."""
    if "(" in text:
        raise BadRdata(f"the state cannot limit the number of records, as {plain(text)} does")
    return "ANY" if text.upper() == "ANY" else rdata.canonical_type(text)
