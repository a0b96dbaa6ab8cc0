"""Views with a real named: who asks from where gets which version, and versions come, change and go one by one."""

import subprocess
from hashlib import sha1

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from bindlab import Lab
from servers import wait_until

from reconciler.build import build
from reconciler.errors import ApplyFailed, Refused
from reconciler.services.bind.configure import Configuration
from reconciler.services.bind.keys import new_key_text
from reconciler.site import Site
from reconciler.state.load import load
from reconciler.state.tree import Blob

INSIDE, OUTSIDE = "127.0.0.2", "127.0.0.3"
"""Source addresses; neither is one of the interface's, so they are not `localhost`."""

HEAD = """\
version: 1
site: test
domain: example.org
networks:
  lan: {ipv4: 192.168.1.0/24, reverse: 1.168.192.in-addr.arpa}
dns: {clients_ask: bind, authoritative: bind, nameservers: [ns.outside.example], serial: increment}
"""
VIEWS = """\
views:
  internal: {clients: [127.0.0.2, lan], zones: all}
  external: {clients: any, recursion: no}
"""
ZONES = "zones:\n  example.org: {views: [internal, external]}\n"
HOSTS = "www: {ipv4: 192.168.1.10}\nprinter: {ipv4: 192.168.1.40, view: internal}\n"
OUT = "www: {type: A, value: 203.0.113.5}\nshop: {type: A, value: 203.0.113.6}\n"


def state(**files: str) -> Site:
    """A site from texts: `site`, `hosts`, `external` (that view's example.org), `shared`."""
    paths = {
        "site.yaml": files.get("site", HEAD + VIEWS + ZONES),
        "hosts.yaml": files.get("hosts", HOSTS),
        "zones/external/example.org.yaml": files.get("external", OUT),
        "zones/example.org.yaml": files.get("shared", ""),
        "bind.d/extra.conf": files.get("hatch", ""),
        "bind.d/internal/extra.conf": files.get("inner", ""),
    }
    tree = {
        path: Blob(sha1(text.encode(), usedforsecurity=False).hexdigest(), text.encode())
        for path, text in paths.items()
        if text
    }
    loaded = load(tree)
    assert loaded.state is not None, list(map(str, loaded.problems))
    result = build(loaded.state)
    assert result.site is not None, list(map(str, result.problems))
    return result.site


def plain(hosts: str = "www: {ipv4: 192.168.1.10}\nprinter: {ipv4: 192.168.1.40}\n", more: str = "") -> Site:
    """The same without views."""
    return state(site=HEAD + more, hosts=hosts, external="")


def message(lab: Lab, source: str, name: str, rtype: str = "A", *, recursive: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, rtype)
    if not recursive:
        query.flags &= ~dns.flags.RD
    return dns.query.udp(query, "127.0.0.1", 10, lab.named.port, source)


def ask(lab: Lab, source: str, name: str, rtype: str = "A") -> list[str]:
    """Record data as a client with this address gets it, or the code of an answer without."""
    answer = message(lab, source, name, rtype)
    found = sorted(datum.to_text() for rrset in answer.answer for datum in rrset)
    return found or [dns.rcode.to_text(answer.rcode())]


def serial(lab: Lab, source: str, name: str = "example.org.") -> int:
    return int(ask(lab, source, name, "SOA")[0].split()[2])


def update(lab: Lab, source: str, *commands: str, zone: str = "example.org") -> None:
    """A dynamic update from this address, with a key of the site's."""
    done = lab.update(zone, f"local {source}", *commands, key=lab.secrets / "ada.key")
    assert done.returncode == 0, done.stderr


def with_ada(lab: Lab) -> str:
    """A key of somebody who may update; the lines of site.yaml for it."""
    text = new_key_text("ada")
    (lab.secrets / "ada.key").write_text(text)
    (lab.secrets / "ada").write_text(text.split('"')[3])
    return "keys:\n  ada: {secret: {secret: ada}}\n"


DYNAMIC = "dynamic: yes, update: [{key: ada, name: '*'}]"


def test_each_client_gets_its_version(lab: Lab) -> None:
    lab.apply(state())
    assert ask(lab, INSIDE, "www.example.org.") == ["192.168.1.10"]
    assert ask(lab, OUTSIDE, "www.example.org.") == ["203.0.113.5"]
    assert ask(lab, INSIDE, "printer.example.org.") == ["192.168.1.40"]
    assert ask(lab, OUTSIDE, "printer.example.org.") == ["NXDOMAIN"]
    assert ask(lab, INSIDE, "shop.example.org.") == ["NXDOMAIN"]
    assert ask(lab, INSIDE, "40.1.168.192.in-addr.arpa.", "PTR") == ["printer.example.org."]
    assert ask(lab, OUTSIDE, "40.1.168.192.in-addr.arpa.", "PTR") == ["REFUSED"]
    assert lab.apply(state()) is None
    assert lab.drift(state()) == ()
    assert not lab.leftovers()


def test_only_the_version_that_differs_is_loaded(lab: Lab) -> None:
    lab.apply(state())
    inside, outside = serial(lab, INSIDE), serial(lab, OUTSIDE)
    outcome = lab.apply(state(external=OUT + "new: {type: A, value: 203.0.113.7}\n"))
    assert outcome is not None
    assert outcome.actions == ("rndc reload example.org (external)",)
    assert ask(lab, OUTSIDE, "new.example.org.") == ["203.0.113.7"]
    assert (serial(lab, INSIDE), serial(lab, OUTSIDE)) == (inside, outside + 1)


@pytest.mark.parametrize("drift", ["report", "heal"])
def test_dynamic_versions_take_updates_apart(lab: Lab, drift: str) -> None:
    key = with_ada(lab)
    zones = f"zones:\n  example.org: {{views: [internal, external], {DYNAMIC}, drift: {drift}}}\n"
    site = HEAD + VIEWS + key + zones
    lab.apply(state(site=site))
    update(lab, INSIDE, "add guest.example.org. 60 A 192.168.1.77")
    update(lab, OUTSIDE, "add guest.example.org. 60 A 203.0.113.77")
    assert ask(lab, INSIDE, "guest.example.org.") == ["192.168.1.77"]
    assert ask(lab, OUTSIDE, "guest.example.org.") == ["203.0.113.77"]
    found = {(item.place, item.text) for item in lab.drift(state(site=site))}
    assert found == {
        ("example.org.@internal", "guest.example.org. 60 A 192.168.1.77"),
        ("example.org.@external", "guest.example.org. 60 A 203.0.113.77"),
    }
    more = state(site=site, external=OUT + "new: {type: A, value: 203.0.113.7}\n")
    lab.apply(more)
    assert ask(lab, OUTSIDE, "new.example.org.") == ["203.0.113.7"]
    kept = drift == "report"
    assert ask(lab, OUTSIDE, "guest.example.org.") == (["203.0.113.77"] if kept else ["NXDOMAIN"])
    assert ask(lab, INSIDE, "guest.example.org.") == (["192.168.1.77"] if kept else ["NXDOMAIN"])


def test_a_large_change_of_a_dynamic_version_is_a_file(lab: Lab) -> None:
    zones = f"zones:\n  example.org: {{views: [internal, external], {DYNAMIC}}}\n"
    site = HEAD + VIEWS + with_ada(lab) + zones
    lab.apply(state(site=site))
    update(lab, OUTSIDE, "add guest.example.org. 60 A 203.0.113.77")
    many = "".join(f"h{n}: {{type: A, value: 203.0.{n // 250}.{n % 250}}}\n" for n in range(6000))
    outcome = lab.apply(state(site=site, external=OUT + many))
    assert outcome is not None
    assert outcome.actions == ("rndc freeze, reload, thaw example.org (external)",)
    assert ask(lab, OUTSIDE, "h5999.example.org.") == ["203.0.23.249"]
    assert ask(lab, OUTSIDE, "guest.example.org.") == ["203.0.113.77"]
    assert "frozen: no" in lab.rndc("zonestatus", "example.org", "IN", "external").stdout


def test_views_are_switched_on_and_off(lab: Lab) -> None:
    key = with_ada(lab)
    shared = f"zones:\n  example.org: {{{DYNAMIC}}}\n  1.168.192.in-addr.arpa: {{{DYNAMIC}}}\n"
    apart = shared.replace("{dynamic", "{views: [internal, external], dynamic", 1)
    lab.apply(plain(more=key + shared))
    update(lab, OUTSIDE, "add guest.example.org. 60 A 192.168.1.77")
    update(lab, OUTSIDE, "add 77.1.168.192.in-addr.arpa. 60 PTR guest.example.org.", zone="1.168.192.in-addr.arpa")
    before = serial(lab, OUTSIDE)
    reverse = lab.zone_deployed("1.168.192.in-addr.arpa.").serial

    lab.apply(state(site=HEAD + VIEWS + key + apart))
    assert ask(lab, INSIDE, "guest.example.org.") == ["192.168.1.77"]
    assert ask(lab, OUTSIDE, "guest.example.org.") == ["NXDOMAIN"]
    assert ask(lab, INSIDE, "77.1.168.192.in-addr.arpa.", "PTR") == ["guest.example.org."]
    assert min(serial(lab, INSIDE), serial(lab, OUTSIDE)) > before
    assert lab.zone_deployed("1.168.192.in-addr.arpa.").serial == reverse
    assert lab.zone_deployed("1.168.192.in-addr.arpa.").home == "internal"
    assert not lab.file("example.org").exists()
    update(lab, INSIDE, "add 78.1.168.192.in-addr.arpa. 60 PTR more.example.org.", zone="1.168.192.in-addr.arpa")

    before = max(serial(lab, INSIDE), serial(lab, OUTSIDE))
    lab.apply(plain(more=key + shared))
    assert ask(lab, OUTSIDE, "guest.example.org.") == ["192.168.1.77"]
    assert ask(lab, OUTSIDE, "shop.example.org.") == ["NXDOMAIN"]
    assert ask(lab, OUTSIDE, "78.1.168.192.in-addr.arpa.", "PTR") == ["more.example.org."]
    assert serial(lab, OUTSIDE) > before
    assert sorted(path.name for path in lab.file("").iterdir() if path.suffix != ".jnl") == [
        "1.168.192.in-addr.arpa",
        "example.org",
    ]
    update(lab, OUTSIDE, "add 79.1.168.192.in-addr.arpa. 60 PTR more.example.org.", zone="1.168.192.in-addr.arpa")
    assert not lab.leftovers()


def test_switching_on_is_all_or_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    key = with_ada(lab)
    shared = f"zones:\n  example.org: {{{DYNAMIC}}}\n  1.168.192.in-addr.arpa: {{{DYNAMIC}}}\n"
    lab.apply(plain(more=key + shared))
    update(lab, OUTSIDE, "add guest.example.org. 60 A 192.168.1.77")
    before = serial(lab, OUTSIDE)

    def fail(self: Configuration, change: object) -> None:
        seen.append(serial(lab, OUTSIDE))
        raise ApplyFailed("the test says no")

    seen: list[int] = []
    monkeypatch.setattr(Configuration, "_verify", fail)
    wanted = state(site=HEAD + VIEWS + key + shared.replace("{dynamic", "{views: [internal, external], dynamic", 1))
    with pytest.raises(ApplyFailed, match="the test says no"):
        lab.apply(wanted)
    assert ask(lab, OUTSIDE, "guest.example.org.") == ["192.168.1.77"]
    assert serial(lab, OUTSIDE) > max(seen[0], before)
    for name in ("example.org", "1.168.192.in-addr.arpa"):
        assert "frozen: no" in lab.rndc("zonestatus", name, "IN", "_default").stdout
    monkeypatch.undo()
    lab.apply(wanted)
    assert ask(lab, INSIDE, "guest.example.org.") == ["192.168.1.77"]
    assert ask(lab, OUTSIDE, "www.example.org.") == ["203.0.113.5"]


@pytest.mark.parametrize("back", [False, True])
def test_a_crash_between_named_and_the_manifest(lab: Lab, back: bool) -> None:
    """named has the new views, and the manifest does not know."""
    key = with_ada(lab)
    shared = f"zones:\n  example.org: {{{DYNAMIC}}}\n  1.168.192.in-addr.arpa: {{{DYNAMIC}}}\n"
    one = plain(more=key + shared)
    two = state(site=HEAD + VIEWS + key + shared.replace("{dynamic", "{views: [internal, external], dynamic", 1))
    first, second = (two, one) if back else (one, two)
    lab.apply(first)
    update(lab, INSIDE, "add guest.example.org. 60 A 192.168.1.77")
    staged = lab.stage(second)
    assert staged is not None
    staged.commit(lab.said.append)
    update(lab, INSIDE, "add more.example.org. 60 A 192.168.1.78")
    lab.bind = lab.new_bind()
    lab.recover()
    last = serial(lab, INSIDE)
    for wanted in (second, first):
        lab.apply(wanted)
        assert ask(lab, INSIDE, "guest.example.org.") == ["192.168.1.77"]
        assert ask(lab, INSIDE, "more.example.org.") == ["192.168.1.78"]
        assert serial(lab, INSIDE) >= last
        last = serial(lab, INSIDE)
    assert {item.change for item in lab.drift(first)} == {"+"}


def test_a_frozen_version_is_thawed(lab: Lab) -> None:
    site = HEAD + VIEWS + with_ada(lab) + f"zones:\n  example.org: {{views: [internal, external], {DYNAMIC}}}\n"
    lab.apply(state(site=site))
    assert lab.rndc("freeze", "example.org", "IN", "external").returncode == 0
    wait_until(lambda: "frozen: yes" in lab.rndc("zonestatus", "example.org", "IN", "external").stdout, what="freeze")
    lab.recover()
    assert "frozen: no" in lab.rndc("zonestatus", "example.org", "IN", "external").stdout


def test_a_broken_version_is_put_back_alone(lab: Lab) -> None:
    lab.apply(state())
    outside = serial(lab, OUTSIDE)
    lab.file("example.org@external").chmod(0o640)
    staged = lab.stage(state(external="www: {type: A, value: 203.0.113.9}\n", hosts="www: {ipv4: 192.168.1.11}\n"))
    assert staged is not None
    lab.named.kill()
    with pytest.raises(Exception, match="named"):
        staged.commit(lab.said.append)
    staged.discard()
    lab.named.start()
    assert ask(lab, OUTSIDE, "www.example.org.") == ["203.0.113.5"]
    assert ask(lab, INSIDE, "www.example.org.") == ["192.168.1.10"]
    lab.apply(state(external="www: {type: A, value: 203.0.113.9}\n", hosts="www: {ipv4: 192.168.1.11}\n"))
    assert ask(lab, OUTSIDE, "www.example.org.") == ["203.0.113.9"]
    assert ask(lab, INSIDE, "www.example.org.") == ["192.168.1.11"]
    assert serial(lab, OUTSIDE) > outside


def test_hatches_stand_in_their_view(lab: Lab) -> None:
    stub = 'zone "corp.example" { type static-stub; server-addresses { 127.0.0.9; }; };\n'
    lab.apply(state(inner=stub))
    assert "type: static-stub" in lab.rndc("zonestatus", "corp.example", "IN", "internal").stdout
    assert "not found" in lab.rndc("zonestatus", "corp.example", "IN", "external").stderr
    with pytest.raises(Refused, match=r"bind\.d/internal/extra\.conf:2: "):
        lab.apply(state(inner='acl "x" { any; };\nzone "corp.example" { type forward; forwarders { nonsense; }; };\n'))


def test_zones_outside_of_views_are_told(lab: Lab) -> None:
    lab.named.extra = 'zone "127.in-addr.arpa" { type primary; file "/etc/bind/db.127"; };'
    lab.named.configure()
    with pytest.raises(Refused, match=r"named\.conf:.*all zones must be in views\n.*named\.conf\.default-zones"):
        lab.apply(state())


ISOLATED = """\
version: 1
site: test
domain: example.org
networks:
  lan: {domain: internal.example.org, ipv4: 127.1.0.0/16, reverse: 1.127.in-addr.arpa}
  guest: {domain: guest.example.org, ipv4: 127.2.0.0/16, reverse: 2.127.in-addr.arpa, isolated: yes}
dns: {clients_ask: bind, authoritative: bind, nameservers: [ns.outside.example], serial: increment}
"""


def test_an_isolated_network_does_not_see_the_others(lab: Lab) -> None:
    hosts = "printer: {ipv4: 127.1.0.40}\ndoor: {ipv4: 127.2.0.40}\n"
    shared = "www: {type: A, value: 203.0.113.5}\n"
    lab.apply(state(site=ISOLATED, hosts=hosts, external="", shared=shared))
    lan, guest = "127.1.0.7", "127.2.0.7"
    for source in (lan, guest):
        assert ask(lab, source, "www.example.org.") == ["203.0.113.5"]
        assert ask(lab, source, "door.guest.example.org.") == ["127.2.0.40"]
        assert ask(lab, source, "40.0.2.127.in-addr.arpa.", "PTR") == ["door.guest.example.org."]
    assert ask(lab, lan, "printer.internal.example.org.") == ["127.1.0.40"]
    assert ask(lab, lan, "40.0.1.127.in-addr.arpa.", "PTR") == ["printer.internal.example.org."]
    for name, rtype in (("printer.internal.example.org.", "A"), ("40.0.1.127.in-addr.arpa.", "PTR")):
        answer = message(lab, guest, name, rtype, recursive=True)
        assert dns.rcode.to_text(answer.rcode()) == "NXDOMAIN"
        assert answer.flags & dns.flags.AA
    # One zone for both views: the home is the first of them.
    assert lab.zone_deployed("example.org.").home == "isolated-guest"
    lab.apply(state(site=ISOLATED.replace(", isolated: yes", ""), hosts=hosts, external="", shared=shared))
    assert ask(lab, guest, "printer.internal.example.org.") == ["127.1.0.40"]
    assert lab.zone_deployed("example.org.").home == ""


def axfr(lab: Lab, source: str, name: str, key: str = "") -> dict[str, list[str]]:
    """A whole zone by owner, as a server with this address gets it; nothing where it is refused."""
    argv = ["dig", "@127.0.0.1", "-p", str(lab.named.port), "-b", source, "+noall", "+answer", name, "AXFR"]
    done = subprocess.run([*argv, *(["-k", key] if key else [])], capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if not line.startswith(";") and (fields := line.split(None, 4)):
            found.setdefault(fields[0], []).append(fields[4])
    return found


def test_a_secondary_copies_its_own_view(lab: Lab) -> None:
    """One by its key, from wherever it comes; another by its address."""
    more = "secondaries:\n  out: {address: 127.0.0.3, key: ada, catalog: catalog.example}\n  in: {address: 127.0.0.2}\n"
    head = HEAD.replace("serial: increment", "serial: increment, secondaries: [in, out]")
    wanted = state(site=head + VIEWS + with_ada(lab) + more + ZONES)
    lab.apply(wanted)
    key = str(lab.secrets / "ada.key")
    assert axfr(lab, "127.0.0.4", "example.org", key)["www.example.org."] == ["203.0.113.5"]
    assert axfr(lab, INSIDE, "example.org", key)["www.example.org."] == ["203.0.113.5"]
    assert axfr(lab, INSIDE, "example.org")["www.example.org."] == ["192.168.1.10"]
    assert axfr(lab, INSIDE, "1.168.192.in-addr.arpa") != {}
    assert axfr(lab, OUTSIDE, "example.org") == {}
    assert axfr(lab, "127.0.0.4", "1.168.192.in-addr.arpa", key) == {}
    members = [text for texts in axfr(lab, OUTSIDE, "catalog.example", key).values() for text in texts]
    assert [text for text in members if text.endswith("org.")] == ["example.org."]
    assert axfr(lab, INSIDE, "catalog.example") == {}
    assert lab.apply(wanted) is None
    assert lab.drift(wanted) == ()
