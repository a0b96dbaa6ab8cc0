"""BIND's configuration as text: the fragment that named.conf includes, and the file of keys. Pure.

Syntax: BIND 9 Administrator Reference Manual, "Configuration Reference".
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reconciler.dns import names, versions
from reconciler.errors import BadName, Refused
from reconciler.services.bind import transfers
from reconciler.services.bind.syntax import OWN_KEY, quote
from reconciler.site import SiteView, SiteZone
from reconciler.state.model import Hatch
from reconciler.state.schema import UpdateGrant

FRAGMENT = "named.conf.reconciler"
KEYS = "keys.conf"
EMPTY = "empty.zone"
"""The file of all zones that have nothing in them; its names are relative."""
EMPTY_TEXT = "@ 300 IN SOA localhost. nobody.invalid. 1 3600 1200 604800 300\n@ 300 IN NS localhost.\n"

HATCH_HEAD = re.compile(r"# from (\S+)")
"""The line above each raw text."""

HATCH_END = "# end of "
"""What the line below a raw text begins with, where something follows."""


class TsigKey(NamedTuple):
    """A shared secret (RFC 8945). algorithm: as named.conf writes it. secret: base64."""

    name: str
    algorithm: str
    secret: str

    def __repr__(self) -> str:
        return f"TsigKey({self.name!r}, {self.algorithm!r}, secret hidden)"


def key_clause(key: TsigKey) -> str:
    """One `key` clause."""
    return f"key {quote(key.name)} {{\n\talgorithm {key.algorithm};\n\tsecret {quote(key.secret)};\n}};\n"


def keys_file(keys: Iterable[TsigKey]) -> str:
    """The file of keys; secret."""
    return "".join(key_clause(key) for key in keys)


def fragment(
    directory: Path,
    zones: Sequence[SiteZone],
    keys: Collection[str],
    hatches: Sequence[Hatch],
    views: Sequence[SiteView] = (),
) -> str:
    """The text of `named.conf.reconciler` in `directory`: keys, zones in canonical order, then raw text.

    keys: names of the site's keys. views: where there are any, all zones stand in them. Raises Refused for what BIND's
    configuration cannot express.
    """
    known = {key.lower() for key in keys}
    for zone in zones:
        for grant in zone.update:
            if grant.key.lower() not in known:
                raise Refused(f"site.yaml: zones: {zone.zone.name} update: no key {grant.key!r} stands under keys:")
    ordered = sorted(zones, key=lambda zone: names.sort_key(zone.zone.name))
    parts = [f"include {quote(str(directory / KEYS))};\n"]
    parts += view_clauses(directory, ordered, views, hatches) if views else [zone_clause(directory, z) for z in ordered]
    parts += [_raw(hatch) for hatch in hatches if not hatch.view]
    return "\n".join(parts)


def view_key_name(view: str) -> str:
    """The name of the key by which a view knows this node. The site's own keys have no `+` in their names."""
    return f"{OWN_KEY}+{view}"


def view_clauses(
    directory: Path, zones: Sequence[SiteZone], views: Sequence[SiteView], hatches: Sequence[Hatch]
) -> list[str]:
    """One `view` clause for each view; a zone stands in its home, and further views refer to that (`in-view`)."""
    keys = {
        zone.zone.id: [view_key_name(view.name) for view in views if view.zones.get(zone.zone.name) == zone.zone.id]
        for zone in zones
    }
    return [_view_clause(directory, view, zones, views, keys, hatches) for view in views]


def _view_clause(
    directory: Path,
    view: SiteView,
    zones: Sequence[SiteZone],
    views: Sequence[SiteView],
    keys: Mapping[str, Sequence[str]],
    hatches: Sequence[Hatch],
) -> str:
    own, others = _keys(view), (key for other in views if other is not view for key in _keys(other))
    clients = [*own, *(f"!{key}" for key in others), *view.clients]
    lines = [f"view {quote(view.name)} {{", "match-clients {", *(f"\t{client};" for client in clients), "};"]
    if view.recursion is not None:
        lines.append(f"recursion {'yes' if view.recursion else 'no'};")
    parts = ["\n".join([*lines, ""])]
    for zone in zones:
        if view.zones.get(zone.zone.name) == zone.zone.id:
            home = zone.home == view.name
            parts.append(zone_clause(directory, zone, keys[zone.zone.id]) if home else _reference(zone))
    parts += [_zone(name, ["\ttype primary;", f"\tfile {quote(str(directory / EMPTY))};"]) for name in view.empty]
    parts += [f"{_raw(hatch)}{HATCH_END}{hatch.path}\n" for hatch in hatches if hatch.view == view.name]
    return "\n".join([*parts, "};\n"])


def _keys(view: SiteView) -> list[str]:
    return [transfers.key(name) for name in (view_key_name(view.name), *view.keys)]


def _raw(hatch: Hatch) -> str:
    return f"# from {hatch.path}\n{hatch.text.rstrip()}\n"


def _reference(zone: SiteZone) -> str:
    return _zone(zone.zone.name, [f"\tin-view {quote(zone.home)};"])


def _zone(name: str, lines: Iterable[str]) -> str:
    return "\n".join([f"zone {quote(name.removesuffix('.') or '.')} {{", *lines, "};", ""])


def zone_clause(directory: Path, zone: SiteZone, own: Sequence[str] = (OWN_KEY,)) -> str:
    """One `zone` clause. own: names of the node's own keys in it."""
    name = zone.zone.name
    lines = [
        f"zone {quote(name.removesuffix('.') or '.')} {{",
        "\ttype primary;",
        f"\tfile {quote(str(zone_path(directory, zone.zone.id)))};",
        *(f"\t{statement}" for statement in transfers.statements(zone, own)),
    ]
    if zone.dynamic:
        lines.append("\tupdate-policy {")
        lines += [f"\t\tgrant {quote(key)} zonesub ANY;" for key in own]
        lines += [f"\t\t{_grant(name, grant)}" for grant in zone.update]
        lines.append("\t};")
    return "\n".join([*lines, "};", ""])


def zone_path(directory: Path, zone: str) -> Path:
    """Where the file of `zone`, an id, lies."""
    return directory / "zones" / versions.filename(zone)


def _grant(zone: str, grant: UpdateGrant) -> str:
    """An update-policy rule. A leftmost `*` is BIND's `wildcard`, which stands for one or more labels, as in `keep`."""
    try:
        name = names.parse(grant.name, zone)
    except BadName as error:
        raise Refused(f"site.yaml: zones: {zone} update: {error}") from None
    labels = names.labels(name)
    if not names.is_under(name, zone):
        raise Refused(f"site.yaml: zones: {zone} update: {name} is not in this zone")
    if "*" in labels[1:]:
        raise Refused(
            f"site.yaml: zones: {zone} update: {grant.name!r}: BIND's update-policy knows `*` only as the first label; "
            "name the owners one by one"
        )
    kind = "wildcard" if labels[:1] == ("*",) else "name"
    types = " ".join("ANY" if rtype == "*" else rtype for rtype in grant.types)
    return f"grant {quote(grant.key.lower())} {kind} {quote(name)} {types};"
