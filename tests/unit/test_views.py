"""Views: versions and their ids, what stands in which, what is refused, what BIND is told, what a plan says of them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from state_trees import built, tree_of

from reconciler import guard, plan, report
from reconciler.build import Built
from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns import names, versions
from reconciler.errors import BadName
from reconciler.join import join
from reconciler.leases.policy import lease_networks
from reconciler.services.bind.keys import view_key
from reconciler.services.bind.render import TsigKey, fragment
from reconciler.site import Site
from reconciler.state.load import load

HEAD = """\
version: 1
site: test
domain: example.org
networks:
  lan: {ipv4: 192.168.1.0/24}
  guest: {ipv4: 192.168.3.0/24, domain: guest.example.org}
dns: {clients_ask: bind, authoritative: bind, nameservers: [ns.outside.example]}
"""
VIEWS = """\
views:
  internal: {clients: [lan, localhost], zones: all}
  external: {clients: any, recursion: no}
"""
ZONES = "zones:\n  example.org: {views: [internal, external]}\n"
WWW = "www: {ipv4: 192.168.1.10, view: internal}\n"
BARE = "www: {ipv4: 192.168.1.10}\n"
A = "a: {type: A, value: 192.0.2.1}\n"
INTERNAL, EXTERNAL = "example.org.@internal", "example.org.@external"


def texts(**files: str) -> dict[str, str]:
    found = {
        "site.yaml": files.get("site", HEAD + VIEWS + ZONES),
        "hosts.yaml": files.get("hosts", WWW),
        "zones/example.org.yaml": files.get("shared", ""),
        "zones/external/example.org.yaml": files.get("external", ""),
        "zones/internal/example.org.zone": files.get("internal", ""),
        "bind.d/extra.conf": files.get("hatch", ""),
    }
    return {path: text for path, text in found.items() if text}


def site(**files: str) -> Site:
    result: Built = built(texts(**files))
    assert result.site is not None, list(map(str, result.problems))
    return result.site


def problems(**files: str) -> list[str]:
    return [str(problem) for problem in built(texts(**files)).problems]


def rdatas(of: Site, key: str, owner: str, rtype: str = "A") -> tuple[str, ...]:
    rrset = of.zones[key].zone.rrsets.get((owner, rtype))
    return rrset.rdatas if rrset else ()


LABELS = st.text(st.characters(codec="latin-1"), min_size=1, max_size=20)
VIEW_NAMES = st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,9}[a-z0-9])?", fullmatch=True)


@given(st.lists(LABELS, max_size=3), st.one_of(st.just(""), VIEW_NAMES))
def test_ids_and_file_names_can_be_taken_apart(labels: list[str], view: str) -> None:
    escaped = ("".join(f"\\{ord(c):03}" for c in label) for label in labels)
    name = names.parse(".".join((*escaped, "")) or ".")
    key = versions.zone_id(name, view)
    assert versions.split(key) == (name, view)
    assert versions.from_filename(versions.filename(key)) == key


@pytest.mark.parametrize("text", ["@@internal", "@", "%00@internal"])
def test_what_is_no_file_name_of_a_version(text: str) -> None:
    with pytest.raises(BadName):
        versions.from_filename(text)


def test_a_view_named_like_the_end_of_a_name_is_told_from_it() -> None:
    plain, versioned = names.parse(r"a\@b.org"), versions.zone_id(names.parse("a.org"), "b")
    assert versions.from_filename(versions.filename(plain)) == plain
    assert versions.filename(versioned) == "a.org@b"


class TestVersions:
    def test_records_by_view(self) -> None:
        shared = (
            "'': {type: MX, value: {preference: 10, exchange: mx.outside.example.}}\nftp: {type: A, value: 192.0.2.1}\n"
        )
        outside = "ftp: {type: A, value: 192.0.2.2}\n"
        found = site(shared=shared, external=outside)
        assert set(found.zones) == {INTERNAL, EXTERNAL, "guest.example.org.", *(n for n in found.zones if "arpa" in n)}
        assert rdatas(found, INTERNAL, "www.example.org.") == ("192.168.1.10",)
        assert rdatas(found, EXTERNAL, "www.example.org.") == ()
        assert rdatas(found, INTERNAL, "ftp.example.org.") == ("192.0.2.1",)
        assert rdatas(found, EXTERNAL, "ftp.example.org.") == ("192.0.2.2",)
        for key in (INTERNAL, EXTERNAL):
            assert rdatas(found, key, "example.org.", "MX") == ("10 mx.outside.example.",)

    def test_a_view_s_file_goes_before_a_host(self) -> None:
        found = site(hosts=BARE, external="www: {type: A, value: 192.0.2.2}\n")
        assert rdatas(found, INTERNAL, "www.example.org.") == ("192.168.1.10",)
        assert rdatas(found, EXTERNAL, "www.example.org.") == ("192.0.2.2",)

    def test_a_cname_stands_alone(self) -> None:
        found = site(
            hosts=BARE,
            shared="shop: {type: CNAME, value: shop.outside.example.}\nwww: {type: TXT, value: hello}\n",
            external="www: {type: CNAME, value: cdn.outside.example.}\nshop: {type: A, value: 192.0.2.2}\n",
        )
        owners = {key for key in found.zones[EXTERNAL].zone.rrsets if key[0] != "example.org."}
        assert owners - {("guest.example.org.", "NS")} == {("www.example.org.", "CNAME"), ("shop.example.org.", "A")}
        assert rdatas(found, INTERNAL, "shop.example.org.", "CNAME") == ("shop.outside.example.",)

    def test_one_name_in_two_views(self) -> None:
        files = texts(hosts="")
        files["hosts/inside.yaml"] = "www: {ipv4: 192.168.1.10, view: internal, aliases: [shop]}\n"
        files["hosts/outside.yaml"] = "www: {ipv4: 192.0.2.10, view: external, aliases: [shop]}\n"
        found = built(files).site
        assert found is not None
        assert rdatas(found, INTERNAL, "www.example.org.") == ("192.168.1.10",)
        assert rdatas(found, EXTERNAL, "www.example.org.") == ("192.0.2.10",)

    def test_the_soa_of_a_view_s_master_file(self) -> None:
        soa = "@ 300 IN SOA ns.inside.example. admin.example.org. 0 1 2 3 4\n"
        found = site(internal=soa)
        assert found.zones[INTERNAL].zone.soa.mname == "ns.inside.example."
        assert found.zones[EXTERNAL].zone.soa.mname == "ns.outside.example."

    def test_a_delegation_stands_where_the_zone_below_is_seen(self) -> None:
        found = site()
        assert rdatas(found, INTERNAL, "guest.example.org.", "NS") == ("ns.outside.example.",)
        assert rdatas(found, EXTERNAL, "guest.example.org.", "NS") == ()

    def test_names_below_another_zone_do_not_slip_into_the_one_above(self) -> None:
        found = site(hosts="door: {ipv4: 192.168.3.9}\n")
        assert not any(owner.startswith("door") for owner, _ in found.zones[EXTERNAL].zone.rrsets)

    def test_names_of_leases_stay_inside(self) -> None:
        networks = HEAD.replace(
            "192.168.1.0/24}", "192.168.1.0/24, interface: lan0, dhcp: {ranges: 192.168.1.50-192.168.1.60}}"
        )
        found = site(site=networks + VIEWS + ZONES)
        assert {key: zone.dynamic for key, zone in found.zones.items() if key.startswith("example")} == {
            INTERNAL: True,
            EXTERNAL: False,
        }
        (lan,) = (network for network in lease_networks(found) if network.name == "lan")
        assert lan.zone == "example.org."
        leased = ("phone.example.org.", "A")
        rrset = next(iter(found.zones[INTERNAL].zone.rrsets.values()))._replace(owner=leased[0], rtype="A")
        joined = join(found, {"example.org.": {leased: rrset}})
        assert leased in joined.zones[INTERNAL].zone.rrsets
        assert leased not in joined.zones[EXTERNAL].zone.rrsets

    def test_without_views_everything_is_as_before(self) -> None:
        found = site(site=HEAD, hosts=BARE)
        assert (found.views, found.inside) == ((), found.zones)
        assert {(zone.home, zone.inside, zone.zone.view) for zone in found.zones.values()} == {("", True, "")}


class TestComplaints:
    @pytest.mark.parametrize(
        ("files", "words"),
        [
            ({"site": HEAD, "hosts": WWW}, 'no view "internal"; add `views:`'),
            (
                {"site": HEAD + VIEWS + "zones: {example.org: {views: [internal, extern]}}\n"},
                'no view "extern"; site.yaml has',
            ),
            ({"site": HEAD + VIEWS.replace("lan,", "vpn,") + ZONES}, 'site.yaml:9:24: there is no network "vpn"; site'),
            ({"site": HEAD + VIEWS.replace(", zones: all", "") + ZONES}, "zone guest.example.org. is in no view"),
            ({"site": HEAD + VIEWS.replace("lan, localhost", "any") + ZONES}, 'no client ever gets to view "external"'),
            (
                {"site": HEAD + VIEWS.replace("any,", "[any, lan],") + ZONES},
                '192.168.1.0/24 in view "external" has no effect',
            ),
            (
                {"site": HEAD + VIEWS + "zones: {example.org: {views: internal}}\n", "external": A},
                'zone example.org. is not in view "external"; add `example.org: {views: [internal, external]}`',
            ),
            (
                {"site": HEAD + VIEWS.replace("any,", "any, zones: all,"), "hosts": WWW},
                "zone example.org. has one version for the views internal, external",
            ),
            ({"hosts": "door: {ipv4: 192.168.3.9, view: external}\n"}, "door.guest.example.org. would stand nowhere"),
            ({"hosts": BARE}, 'www.example.org. 192.168.1.10 is answered in view "external" too'),
            (
                {"site": (HEAD + VIEWS + ZONES).replace("authoritative: bind", "authoritative: none")},
                "only BIND has views",
            ),
            (
                {"hatch": '# mine\nzone "x" { type forward; forwarders { 192.0.2.1; }; };\n'},
                "bind.d/extra.conf:2:1: where BIND has views each zone has to stand in one; move this",
            ),
            (
                {
                    "site": (HEAD + VIEWS + ZONES).replace("ask: bind", "ask: dnsmasq").replace(", zones: all", ""),
                },
                "dnsmasq asks BIND for all its clients",
            ),
            (
                {"site": HEAD.replace("guest.example.org}", "example.org, isolated: yes}"), "hosts": BARE},
                'network "guest" is isolated and has its domain example.org. in common with "lan"',
            ),
        ],
    )
    def test_what_cannot_work_is_told(self, files: dict[str, str], words: str) -> None:
        found = problems(**files)
        assert any(words in text for text in found), found

    def test_a_name_that_is_too_long_with_its_view(self) -> None:
        long = ".".join([*["a" * 60] * 3, "b" * 30, "example.org"])[-215:].lstrip(".")
        policy = f"  {long}: {{views: [internal, external]}}\n"
        files = texts(site=HEAD + VIEWS + ZONES + policy)
        files[f"zones/{long}.yaml"] = "a: {type: TXT, value: a}\n"
        found = [str(problem) for problem in built(files).problems]
        assert any("with its view is too long" in text for text in found), found

    @pytest.mark.parametrize("name", ["isolated-x", "Internal", "a.jnl", "_default", "a" * 33])
    def test_names_that_no_view_can_have(self, name: str) -> None:
        loaded = load(tree_of({"site.yaml": HEAD + f"views:\n  {name}: {{clients: any}}\n"}))
        assert loaded.state is None

    @pytest.mark.parametrize("path", ["zones/a/b/x.org.yaml", "zones/a/.yaml", "dnsmasq.d/a/x.conf", "hosts/a/x.yaml"])
    def test_files_that_lie_too_deep(self, path: str) -> None:
        loaded = load(tree_of({"site.yaml": HEAD, path: ""}))
        assert "means nothing here" in " ".join(map(str, loaded.problems))


class TestIsolated:
    ISOLATED = HEAD.replace("guest.example.org}", "guest.example.org, isolated: yes}")

    def test_alone(self) -> None:
        found = site(site=self.ISOLATED, hosts="a: {ipv4: 192.168.1.2}\nb: {ipv4: 192.168.3.2}\n", shared="")
        apart, everybody = found.views
        assert (apart.name, apart.clients, everybody.clients) == ("isolated-guest", ("192.168.3.0/24",), ("any",))
        assert set(apart.zones) == {"guest.example.org.", "3.168.192.in-addr.arpa."}
        assert apart.empty == ("1.168.192.in-addr.arpa.", "example.org.")
        assert everybody.zones.keys() == found.zones.keys()
        assert found.zones["guest.example.org."].home == "isolated-guest"
        assert found.zones["example.org."].home == "default"

    def test_a_zone_below_another_network_s_domain_is_that_network_s(self) -> None:
        text = self.ISOLATED.replace("192.168.1.0/24}", "192.168.1.0/24, domain: lan.example.org}")
        files = texts(site=text, hosts="a: {ipv4: 192.168.1.2}\n")
        for name in ("lab.lan", "cave.guest", "shop"):
            files[f"zones/{name}.example.org.yaml"] = "www: {type: A, value: 192.0.2.1}\n"
        found = built(files).site
        assert found is not None
        assert {"cave.guest.example.org.", "shop.example.org."} <= found.views[0].zones.keys()
        assert {"lab.lan.example.org.", "lan.example.org."} <= {*found.views[0].empty}

    def test_what_is_for_others_by_view_is_left_out(self) -> None:
        more = "  example.net: {views: internal}\n  example.com: {views: [internal, external]}\n"
        files = texts(site=self.ISOLATED + VIEWS + ZONES + more)
        files |= {f"zones/example.{top}.yaml": "www: {type: A, value: 192.0.2.1}\n" for top in ("net", "com", "info")}
        found = built(files).site
        assert found is not None
        apart = found.views[0]
        assert apart.zones["example.com."] == "example.com.@external"
        assert apart.zones["example.info."] == "example.info."
        assert apart.zones["guest.example.org."] == "guest.example.org."
        assert {"example.net.", "example.org."} <= {*apart.empty}

    def test_before_bind_this_server_s_own_questions_are_inside(self) -> None:
        text = (HEAD + VIEWS + ZONES).replace("ask: bind", "ask: dnsmasq").replace("lan, localhost", "lan")
        first, second = site(site=text).views
        assert first.clients == ("localhost", "192.168.1.0/24")
        assert site(site=text.replace("ask: dnsmasq", "ask: bind")).views[0].clients == first.clients
        assert site().views[0].clients == ("192.168.1.0/24", "localhost")
        text = text.replace("any,", "192.0.2.0/24,")
        lines = text.splitlines(keepends=True)
        at = next(i for i, line in enumerate(lines) if line.startswith("  internal:"))
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
        second, first = site(site="".join(lines)).views
        assert (first.clients, second.clients) == (("localhost", "192.168.1.0/24"), ("!localhost", "192.0.2.0/24"))


OWN = TsigKey("reconciler", "hmac-sha256", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=")


def test_keys_of_views_differ_and_stay() -> None:
    one, other = view_key(OWN, "internal"), view_key(OWN, "external")
    assert len({OWN.secret, one.secret, other.secret}) == 3
    assert view_key(OWN, "internal") == one
    assert one.name == "reconciler+internal"
    assert view_key(OWN, "") is OWN


def test_the_configuration() -> None:
    found = site()
    text = fragment(Path("/srv/bind"), list(found.zones.values()), (), (), found.views)
    assert text.index('view "internal"') < text.index('view "external"')
    external = text[text.index('view "external"') :]
    assert external.split("zone ")[0] == (
        'view "external" {\nmatch-clients {\n\tkey "reconciler+external";\n\t!key "reconciler+internal";\n\tany;\n};\n'
        "recursion no;\n\n"
    )
    assert 'file "/srv/bind/zones/example.org@external";' in external
    assert 'allow-transfer { key "reconciler+external"; };' in external


class TestPlan:
    @staticmethod
    def planned(before: Site, after: Site) -> plan.Plan:
        zones = {key: DeployedZone(zone.zone, zone.dynamic, 1) for key, zone in before.zones.items()}
        return plan.make(after, {}, Deployed("c", zones))

    def test_a_version_takes_the_place_of_the_zone_before(self) -> None:
        before = site(site=HEAD, hosts=BARE)
        made = self.planned(before, site())
        found = {zone.name: (zone.kind, zone.was) for zone in made.zones}
        assert found == {INTERNAL: ("changed", "example.org."), EXTERNAL: ("new", "")}
        assert guard.reasons(made) == ()
        lines = report.plan(made, {})
        assert any("example.org. (external)" in line for line in lines)
        assert any("takes the place of example.org." in line for line in lines)

    def test_back_again_the_other_version_is_gone(self) -> None:
        after = site(site=HEAD, hosts=BARE)
        made = self.planned(site(external="a: {type: A, value: 192.0.2.1}\n"), after)
        assert {zone.name: zone.kind for zone in made.zones} == {"example.org.": "changed", EXTERNAL: "removed"}
        assert "zone example.org. (external) would be removed" in guard.reasons(made)[0]
