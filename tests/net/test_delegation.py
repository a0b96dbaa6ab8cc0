"""The delegation of our zones, by real name servers: an ISP's, two of ours, a forgotten third, and a resolver."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from namelab import Authority

from reconciler.build import build
from reconciler.delegation import expected, request
from reconciler.delegation.check import check
from reconciler.delegation.finding import Finding, Limits
from reconciler.demo.lan import Lan, ip
from reconciler.folder import read
from reconciler.site import Site
from reconciler.state.addresses import server_address
from reconciler.state.load import load

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="a network namespace needs root"),
]

# Public by IANA's registries, and nobody's: the anycast prefix of 6to4 relays (RFC 7526).
REVERSE = "192-199.99.88.192.in-addr.arpa."
PARENT = "99.88.192.in-addr.arpa."
FORWARD = "example.org."
ISP, ISP2, NS1, NS2, THIRD, RESOLVER = (f"127.0.0.{number}" for number in (2, 3, 4, 5, 6, 9))

STATE = {
    "site.yaml": f"""\
version: 1
site: small
domain: example.org
networks:
  lan: {{ipv4: 192.88.99.192/29, reverse: {REVERSE[:-1]}}}
dns: {{clients_ask: bind, authoritative: bind, nameservers: [ns1.example.org, ns2.example.org]}}
""",
    "hosts.yaml": "mail: {ipv4: 192.88.99.193}\nwww: {ipv4: 192.88.99.194}\n",
    "zones/example.org.yaml": f"ns1: {{type: A, value: {NS1}}}\nns2: {{type: A, value: {NS2}}}\n",
}
SOA = "3600 IN SOA root.isp.test. hostmaster.isp.test. 1 3600 900 86400 300\n"
ROOT = f""". {SOA}. NS root.isp.test.
root.isp.test. 3600 A {ISP}
third.isp.test. 3600 A {THIRD}
{PARENT} 3600 NS root.isp.test.
org. 3600 NS root.isp.test.
"""
PARENT_HEAD = f"{PARENT} {SOA}{PARENT} 3600 NS root.isp.test.\n"
ORG_HEAD = f"org. {SOA}org. 3600 NS root.isp.test.\n"


class World:
    """All the servers. `state` is a folder with the state; it is what NS1 and NS2 serve."""

    def __init__(self, folder: Path, lan: Lan) -> None:
        self.lan = lan
        self.state = folder / "state"
        for name, text in STATE.items():
            (self.state / name).parent.mkdir(parents=True, exist_ok=True)
            (self.state / name).write_text(text)
        state = load(read(self.state)).state
        assert state is not None
        site = build(state).site
        assert site is not None
        self.site: Site = site
        self.servers = {address: Authority(folder, address) for address in (ISP, ISP2, NS1, NS2, THIRD)}
        self.resolver = Authority(folder, RESOLVER, root=ISP)

    def ours(self, serial: int = 7) -> dict[str, str]:
        return {name: self.site.zones[name].zone.text(serial) for name in (REVERSE, FORWARD)}

    def parents(self) -> dict[str, str]:
        asked = {name: "\n".join(request.records(expected.of(self.site, name))) + "\n" for name in (REVERSE, FORWARD)}
        return {".": ROOT, PARENT: PARENT_HEAD + asked[REVERSE], "org.": ORG_HEAD + asked[FORWARD]}

    def well(self) -> None:
        wanted: dict[str, Mapping[str, str]] = {ISP: self.parents(), NS1: self.ours(), NS2: self.ours()}
        with self.lan.entered():
            for address, server in self.servers.items():
                server.serve(wanted.get(address, {}))

    def serve(self, address: str, zones: Mapping[str, str]) -> None:
        with self.lan.entered():
            self.servers[address].serve(zones)

    def parent(self, old: str, new: str, zone: str = PARENT) -> None:
        """Change the ISP's zone; `old` is a pattern."""
        zones = self.parents()
        changed = re.sub(old, new, zones[zone], flags=re.MULTILINE)
        assert changed != zones[zone]
        self.serve(ISP, {**zones, zone: changed})

    def check(self, zone: str = REVERSE, total: float = 60.0, query: float = 2.0) -> list[Finding]:
        with self.lan.entered():
            item = expected.of(self.site, zone)
            return check(item, resolvers=[server_address(RESOLVER)], limits=Limits(total, query))

    def run(self, *arguments: str, resolver: str = RESOLVER) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "reconciler.cli.main", "delegation", "--state", str(self.state)]
        with self.lan.entered():
            return subprocess.run(
                [*argv, "--resolver", resolver, *arguments], capture_output=True, text=True, timeout=120, check=False
            )


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="reconciler-names-"))
    lan = Lan(folder, {})
    world = None
    try:
        lan.open()
        for address in (ISP, ISP2, NS1, NS2, THIRD, RESOLVER):
            # named listens at addresses that an interface has.
            ip("-n", lan.namespace, "address", "add", f"{address}/8", "dev", "lo")
        world = World(folder, lan)
        world.well()
        with lan.entered():
            world.resolver.start()
        yield world
    finally:
        for server in [*world.servers.values(), world.resolver] if world else []:
            server.stop()
        lan.close()
        shutil.rmtree(folder)


@pytest.fixture
def world(running: World) -> World:
    running.well()
    return running


def errors(found: list[Finding]) -> list[Finding]:
    return [one for one in found if one.level == "error"]


def the_error(found: list[Finding]) -> Finding:
    """The only one; every error says who has to do what."""
    wrong = errors(found)
    assert len(wrong) == 1, found
    assert wrong[0].who and wrong[0].remedy
    return wrong[0]


@pytest.mark.parametrize("zone", [REVERSE, FORWARD])
def test_all_is_well(world: World, zone: str) -> None:
    found = world.check(zone)
    assert {one.level for one in found} == {"ok"}
    texts = [one.text for one in found]
    assert f"delegates {zone} to ns1.example.org, ns2.example.org" in texts
    assert texts.count(f"serves {zone} by UDP and TCP, serial 7") == 2
    assert ("the CNAMEs of all 8 addresses lead into " + zone in texts) == (zone == REVERSE)


def test_the_command(world: World) -> None:
    done = world.run(REVERSE)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "193.99.88.192.in-addr.arpa. 3600 IN CNAME 193.192-199.99.88.192.in-addr.arpa.\n" in done.stdout
    assert "`reverse: 192/29.99.88.192.in-addr.arpa`" in done.stdout
    world.parent("^193.*CNAME.*$", "")
    done = world.run(REVERSE)
    assert done.returncode == 1
    assert "root.isp.test (127.0.0.2): no CNAME for 1 of 8 addresses (.193)" in done.stdout
    assert "ISP: add the CNAMEs" in done.stdout
    done = world.run()
    assert done.returncode == 1
    assert "ok        example.org is delegated" in done.stdout and "no CNAME" in done.stdout
    done = world.run("--json")
    assert [document["zone"] for document in json.loads(done.stdout)] == [REVERSE, FORWARD]
    assert done.returncode == 1
    assert world.run(REVERSE, "--no-check").returncode == 0


def test_a_server_far_above_is_enough(world: World) -> None:
    """No resolver knows the parent; the root leads down to it."""
    done = world.run("--parent-server", ISP, FORWARD, "--json")
    assert done.returncode == 0, done.stdout


def test_not_delegated(world: World) -> None:
    world.parent("^192-199.* NS .*$", "")
    one = next(one for one in errors(world.check()) if "does not delegate" in one.text)
    assert one.server == f"root.isp.test ({ISP})" and one.who == "ISP"


def test_another_set_of_name_servers(world: World) -> None:
    world.parent(r"^(192-199.* NS )ns2\.example\.org\.$", r"\1third.isp.test.")
    world.serve(THIRD, world.ours())
    texts = {one.text for one in errors(world.check())}
    assert texts == {
        "the delegation lacks ns2.example.org, which the zone names as its name server",
        "the delegation names third.isp.test, which the zone does not",
    }


def test_a_lame_server_of_ours(world: World) -> None:
    world.serve(NS2, {FORWARD: world.ours()[FORWARD]})
    one = the_error(world.check())
    assert one.server == f"ns2.example.org ({NS2})" and "lame): REFUSED" in one.text and one.who == "you"


def test_a_server_of_ours_that_is_down(world: World) -> None:
    with world.lan.entered():
        world.servers[NS2].stop()
    one = the_error(world.check(query=0.5))
    assert "lame): no answer" in one.text


def test_a_lame_server_of_the_isps(world: World) -> None:
    world.parent(r"^(192-199.* NS )ns2\.example\.org\.$", r"\1ns2.example.org.\n\1third.isp.test.")
    lame = next(one for one in errors(world.check()) if "lame" in one.text)
    assert lame.server == f"third.isp.test ({THIRD})" and lame.who == "ISP"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (r"^19[456].*CNAME.*$", "", "no CNAME for 3 of 8 addresses (.194-.196)"),
        (r"^193\.(.*) CNAME .*$", r"193.\1 PTR old.isp.test.", "the first points to old.isp.test."),
        (r"CNAME (\d+)\.192-199", r"CNAME \1.192/29", "lead into 192/29.99.88.192.in-addr.arpa., not 192-199."),
        (r"CNAME 193\.192-199", r"CNAME 195.192-199", "leads to another address"),
        (r"^193\.(.*) CNAME .*$", r"193.\1 NS ns1.example.org.", "delegated as zone 193.99.88.192"),
    ],
)
def test_cnames(world: World, old: str, new: str, said: str) -> None:
    world.parent(old, new)
    one = the_error(world.check())
    assert said in one.text and one.who == "ISP"
    if "192/29" in new:
        assert "`reverse: 192/29.99.88.192.in-addr.arpa`" in one.remedy


def test_a_forgotten_third_server_with_old_data(world: World) -> None:
    """Named by the parent alone, and still answering from the zone of years ago."""
    world.parent(r"^(192-199.* NS )ns2\.example\.org\.$", r"\1ns2.example.org.\n\1third.isp.test.")
    world.serve(THIRD, {REVERSE: world.ours(3)[REVERSE].replace("mail.example.org.", "old.isp.test.")})
    one = next(one for one in errors(world.check()) if "forgotten" in one.text)
    assert one.server == f"third.isp.test ({THIRD})" and one.who == "ISP"
    assert "with serial 3 (newest 7)" in one.text
    assert f"193.{REVERSE} PTR is old.isp.test. (in the state mail.example.org.)" in one.text


def test_old_data_under_our_own_serial(world: World) -> None:
    world.parent(r"^(192-199.* NS )ns2\.example\.org\.$", r"\1ns2.example.org.\n\1third.isp.test.")
    world.serve(THIRD, {REVERSE: world.ours()[REVERSE].replace("mail.example.org.", "old.isp.test.")})
    assert any("forgotten" in one.text and "old.isp.test" in one.text for one in errors(world.check()))


def test_the_parents_own_server_has_the_zone_from_before(world: World) -> None:
    """It answers from that, and its delegation is not to be seen."""
    old = world.ours(3)[REVERSE].replace("mail.example.org.", "old.isp.test.")
    world.serve(ISP, {**world.parents(), REVERSE: old})
    one = next(one for one in errors(world.check()) if "forgotten" in one.text)
    assert one.server == f"root.isp.test ({ISP})"


def test_one_of_the_isps_servers_was_forgotten(world: World) -> None:
    """It has the parent zone from before the delegation, with PTR records of its own."""
    more = f"{PARENT} 3600 NS ns2.isp.test.\n"
    zones = world.parents()
    root = f"{ROOT}{more}ns2.isp.test. 3600 A {ISP2}\n"
    world.serve(ISP, {**zones, ".": root, PARENT: zones[PARENT] + more})
    world.serve(ISP2, {PARENT: f"{PARENT_HEAD}{more}193.{PARENT} 3600 PTR old.isp.test.\n"})
    found = errors(world.check())
    assert {one.server for one in found} == {f"ns2.isp.test ({ISP2})"}
    assert any("old.isp.test" in one.text for one in found) and any("does not delegate" in one.text for one in found)


def test_a_third_server_that_only_a_secondary_names(world: World) -> None:
    old = world.ours(3)[REVERSE]
    more = f"{REVERSE} 3600 IN NS third.isp.test.\n"
    world.serve(NS2, {**world.ours(), REVERSE: old + more})
    world.serve(THIRD, {REVERSE: old})
    texts = [one.text for one in errors(world.check())]
    assert any("forgotten" in text for text in texts) and any("has serial 3" in text for text in texts)


def test_a_secondary_that_is_behind(world: World) -> None:
    world.serve(NS2, world.ours(6))
    one = the_error(world.check())
    assert one.server == f"ns2.example.org ({NS2})" and "has serial 6" in one.text and "has 7 already" in one.text


def test_serials_compare_on_a_circle(world: World) -> None:
    world.serve(NS1, world.ours(4294967295))
    assert the_error(world.check()).server == f"ns1.example.org ({NS1})"


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("", "no address comes along for ns2.example.org"),
        (rf"ns2.example.org. 3600 IN A {THIRD}", f"stale or wrong: {THIRD}; its address is {NS2}"),
        (rf"ns2.example.org. 3600 IN A {NS2}\nns2.example.org. 3600 IN A {THIRD}", f"stale or wrong: {THIRD}"),
    ],
)
def test_glue(world: World, new: str, said: str) -> None:
    world.parent(r"^ns2\.example\.org\. .* A .*$", new, "org.")
    if not new:
        # BIND answers with no address from elsewhere only where it serves no zone that has one.
        world.serve(ISP, {name: text for name, text in world.servers[ISP].zones.items() if name != FORWARD})
    found = errors(world.check(FORWARD))
    assert said in found[0].text and found[0].who == "ISP"


def test_udp_without_tcp(world: World) -> None:
    rule = "add table inet t; add chain inet t c { type filter hook input priority 0; };"
    rule += f" add rule inet t c ip daddr {NS2} tcp dport 53 reject with tcp reset"
    with world.lan.entered():
        made = subprocess.run(["nft", rule], capture_output=True, text=True, check=False)
        if made.returncode:
            pytest.skip(f"no packet filter here: {made.stderr}")
        try:
            one = the_error(world.check())
        finally:
            subprocess.run(["nft", "delete table inet t"], check=True)
    assert "by UDP and not by TCP" in one.text and one.server == f"ns2.example.org ({NS2})"


def test_no_network(world: World) -> None:
    done = world.run(REVERSE, "--timeout", "20", resolver="127.0.0.77")
    assert done.returncode == 1
    assert "no resolver answered; are you on the network?" in done.stdout
    done = world.run(REVERSE, resolver="192.0.2.1")
    assert "no resolver answered; are you on the network? (192.0.2.1: Network is unreachable)" in done.stdout


def test_time_is_bounded(world: World) -> None:
    with world.lan.entered():
        world.servers[NS2].stop()
        world.servers[NS1].stop()
    found = world.check(FORWARD, total=1.0)
    assert "not everything could be asked within 1 s" in errors(found)[-1].text
