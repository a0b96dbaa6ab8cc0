"""BIND's configuration as text: the fragment that named.conf includes, and the file of keys. Pure.

Syntax: BIND 9 Administrator Reference Manual, "Configuration Reference".
"""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from reconciler.dns import names
from reconciler.errors import BadName, Refused
from reconciler.services.bind import transfers
from reconciler.services.bind.syntax import OWN_KEY, quote
from reconciler.site import SiteZone
from reconciler.state.model import Hatch
from reconciler.state.schema import UpdateGrant

FRAGMENT = "named.conf.reconciler"
KEYS = "keys.conf"

HATCH_HEAD = re.compile(r"# from (\S+)")
"""The line above each raw text."""


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


def fragment(directory: Path, zones: Sequence[SiteZone], keys: Collection[str], hatches: Sequence[Hatch]) -> str:
    """The text of `named.conf.reconciler` in `directory`: keys, zones in canonical order, then raw text.

    keys: names of the site's keys. Raises Refused for what BIND's configuration cannot express.
    """
    known = {key.lower() for key in keys}
    for zone in zones:
        for grant in zone.update:
            if grant.key.lower() not in known:
                raise Refused(f"site.yaml: zones: {zone.zone.name} update: no key {grant.key!r} stands under keys:")
    ordered = sorted(zones, key=lambda zone: names.sort_key(zone.zone.name))
    parts = [f"include {quote(str(directory / KEYS))};\n"]
    parts += [zone_clause(directory, zone) for zone in ordered]
    parts += [f"# from {hatch.path}\n{hatch.text.rstrip()}\n" for hatch in hatches]
    return "\n".join(parts)


def zone_clause(directory: Path, zone: SiteZone) -> str:
    """One `zone` clause."""
    name = zone.zone.name
    lines = [
        f"zone {quote(name.removesuffix('.') or '.')} {{",
        "\ttype primary;",
        f"\tfile {quote(str(zone_path(directory, name)))};",
        *(f"\t{statement}" for statement in transfers.statements(zone)),
    ]
    if zone.dynamic:
        lines.append("\tupdate-policy {")
        lines.append(f"\t\tgrant {quote(OWN_KEY)} zonesub ANY;")
        lines += [f"\t\t{_grant(name, grant)}" for grant in zone.update]
        lines.append("\t};")
    return "\n".join([*lines, "};", ""])


def zone_path(directory: Path, zone: str) -> Path:
    """Where the file of `zone` lies."""
    return directory / "zones" / names.filename(zone)


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
