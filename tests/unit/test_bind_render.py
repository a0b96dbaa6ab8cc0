"""BIND's configuration as text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.dns.serials import SerialStyle
from reconciler.dns.zone import SOA, Zone
from reconciler.errors import Refused
from reconciler.services.bind.render import TsigKey, fragment, keys_file, zone_clause
from reconciler.services.bind.syntax import quote
from reconciler.site import SiteZone
from reconciler.state.model import Hatch
from reconciler.state.schema import UpdateGrant

HERE = Path("/srv/bind")


def site_zone(name: str, *, dynamic: bool = False, update: tuple[UpdateGrant, ...] = ()) -> SiteZone:
    zone = Zone(name, SOA("ns.example.", "h.example."), {})
    return SiteZone(zone, dynamic, "report", (), update, SerialStyle.DATE)


def test_static_zone_takes_no_updates() -> None:
    assert zone_clause(HERE, site_zone("192/26.2.0.192.in-addr.arpa.")) == (
        'zone "192/26.2.0.192.in-addr.arpa" {\n'
        "\ttype primary;\n"
        '\tfile "/srv/bind/zones/192%2F26.2.0.192.in-addr.arpa";\n'
        "\tnotify no;\n"
        '\tallow-transfer { key "reconciler"; };\n'
        "};\n"
    )


def test_dynamic_zone_grants_the_node_and_others() -> None:
    grants = (
        UpdateGrant(key="Acme", name="@", types=["TXT"]),
        UpdateGrant(key="acme", name="*.lab", types=["a", "AAAA"]),
        UpdateGrant(key="acme", name="host.example.net.", types=["*"]),
    )
    text = zone_clause(HERE, site_zone("example.net.", dynamic=True, update=grants))
    assert text.split("update-policy ")[1] == (
        "{\n"
        '\t\tgrant "reconciler" zonesub ANY;\n'
        '\t\tgrant "acme" name "example.net." TXT;\n'
        '\t\tgrant "acme" wildcard "*.lab.example.net." A AAAA;\n'
        '\t\tgrant "acme" name "host.example.net." ANY;\n'
        "\t};\n"
        "};\n"
    )


@pytest.mark.parametrize(
    ("name", "types", "reason"),
    [
        ("_acme-challenge.*", ["TXT"], "only as the first label"),
        ("host.other.net.", ["A"], "is not in this zone"),
        (".".join(["x" * 60] * 4), ["A"], "longer than 255 octets"),
    ],
)
def test_grants_that_bind_cannot_express_are_refused(name: str, types: list[str], reason: str) -> None:
    grant = UpdateGrant(key="acme", name=name, types=types)
    with pytest.raises(Refused, match=reason):
        zone_clause(HERE, site_zone("example.net.", dynamic=True, update=(grant,)))


def test_grant_for_an_unknown_key_is_refused() -> None:
    zone = site_zone("example.net.", dynamic=True, update=(UpdateGrant(key="acme", name="a"),))
    with pytest.raises(Refused, match="no key 'acme'"):
        fragment(HERE, [zone], ["other"], ())


def test_order_of_zones_does_not_matter_and_raw_text_comes_last() -> None:
    zones = [site_zone("b.net."), site_zone("a.net."), site_zone("x.a.net.")]
    hatch = Hatch("bind.d/x.conf", "acl a { any; };\n")
    text = fragment(HERE, zones, (), [hatch])
    assert text == fragment(HERE, zones[::-1], (), [hatch])
    assert text.startswith('include "/srv/bind/keys.conf";\n')
    assert text.endswith("\n# from bind.d/x.conf\nacl a { any; };\n")
    assert text.index('"a.net"') < text.index('"x.a.net"') < text.index('"b.net"')


def test_keys_hide_their_secret_from_logs() -> None:
    key = TsigKey("acme", "hmac-sha256", "c2VjcmV0")
    assert "c2VjcmV0" not in f"{key!r} {[key]}"
    assert keys_file([key]) == 'key "acme" {\n\talgorithm hmac-sha256;\n\tsecret "c2VjcmV0";\n};\n'


@given(st.text())
def test_quoted_text_never_ends_its_string_early(text: str) -> None:
    try:
        quoted = quote(text)
    except Refused:
        return
    assert quoted[0] == quoted[-1] == '"'
    assert '"' not in quoted[1:-1]
    assert "\n" not in quoted
    assert quoted[-2:] != '\\"'
