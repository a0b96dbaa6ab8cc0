"""A real named with the configuration that a node gets, asked from all sides: in each view, and by secondaries."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from bootstrap_sites import BEHIND, EVERY, rendered
from clients import missing
from namelab import Authority
from servers import wait_until
from state_trees import built, folder
from test_examples import EXAMPLES, GUESTS, WORLD, asked, home_lan, right, serving

from reconciler.bootstrap.text import NodeFile
from reconciler.demo.lan import Client, Lan, ip
from reconciler.demo.named import FRAGMENT, NamedServer
from reconciler.dns.records import Key
from reconciler.services.bind.query import Server

pytestmark = [pytest.mark.net, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

ROOT_SERVER = "198.41.0.4"
"""a.root-servers.net, as named has it built in."""
BEYOND = ("beyond.test.", "A")


class NodeNamed(NamedServer):
    """named with the node's own named.conf.options and named.conf.local; only its folders are elsewhere."""

    def __init__(self, path: Path, files: dict[str, NodeFile], port: int) -> None:
        self._files = files
        super().__init__(path)
        self.port = port

    def configure(self) -> None:
        options, local = (self._files[f"etc/bind/named.conf.{name}"].text for name in ("options", "local"))
        here = f'directory "{self.folder}/run"; pid-file none; session-keyfile none;'
        options, moved = re.subn(r'directory "/var/cache/bind";', here, options)
        local, included = re.subn(
            r'include "\S+/named\.conf\.reconciler";', f'include "{self.bind}/{FRAGMENT}";', local
        )
        assert moved == included == 1
        self.folder.joinpath("named.conf").write_text(f"""\
{options}
include "{self.folder}/rndc.key";
controls {{ inet 127.0.0.1 port {self.rndc_port} allow {{ 127.0.0.1; }} keys {{ "rndc-key"; }}; }};
{local}
""")


ASK = """\
import sys, dns.flags, dns.message, dns.query, dns.rcode
query = dns.message.make_query(sys.argv[2], sys.argv[3])
query.flags |= dns.flags.CD  # The root of this test has no signatures.
answer = dns.query.tcp(query, sys.argv[1], timeout=60)
print(dns.rcode.to_text(answer.rcode()), *(item for rrset in answer.answer for item in rrset))
"""


def beyond(client: Client, server: str) -> str:
    """What a client is told of a name of somebody else's."""
    argv = client.command(sys.executable, "-c", ASK, server, *BEYOND)
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=120)
    return done.stdout.strip() or done.stderr


@contextmanager
def root_server(tmp_path: Path, client: Client) -> Iterator[None]:
    """The DNS's root, and all that is below it, on a client: one name."""
    ip("-n", client.namespace, "address", "add", f"{ROOT_SERVER}/32", "dev", "eth0")
    subprocess.run(["ip", "route", "add", ROOT_SERVER, "via", WORLD[2].partition("/")[0]], check=True)
    authority = Authority(tmp_path, ROOT_SERVER)
    soa = "$TTL 60\n. IN SOA a.root-servers.net. x. 1 60 60 60 60\n. IN NS a.root-servers.net.\n"
    text = f"{soa}a.root-servers.net. IN A {ROOT_SERVER}\n{BEYOND[0]} IN A 192.0.2.77\n"
    process = authority.serve_on(client, {".": text})
    try:
        wait_until(lambda: Server(ROOT_SERVER, 53).alive(timeout=0.2), what="the root")
        yield
    finally:
        process.terminate()
        process.wait(60)


def test_a_node_with_views_answers_inside_and_recurses_there_alone(tmp_path: Path) -> None:
    files, node = EVERY["example home-views lsvm2"]
    named = NodeNamed(tmp_path / "named", rendered(files, node)[1], 53)
    with (
        home_lan(tmp_path) as (insider, guest, world),
        root_server(tmp_path, world),
        serving(tmp_path, "home-views", instead=named, dhcp=True, settings={"node": node}),
    ):
        site = built(folder(EXAMPLES / "home-views")).site
        assert site
        seen: dict[str, dict[Key, tuple[str, ...]]] = {}
        for zone in site.zones.values():
            found = {key: rrset.rdatas for key, rrset in zone.zone.rrsets.items()}
            seen.setdefault(zone.zone.view, {}).update(found)
        inside, outside = seen[""] | seen["internal"], seen["external"]
        own = {key: data for key, data in seen[""].items() if key[0].endswith(GUESTS)}
        right(asked(insider, "192.168.1.4", 53, inside), inside)
        right(asked(guest, "192.168.3.4", 53, own), own)
        right(asked(world, "203.0.113.10", 53, outside), outside)
        # named is served by every address; a guest is a guest at each.
        right(asked(guest, "192.168.3.7", 53, own), own)
        assert beyond(insider, "192.168.1.4") == "NOERROR 192.0.2.77"
        assert beyond(guest, "192.168.3.4") == "NOERROR 192.0.2.77"
        assert beyond(world, "203.0.113.10") == "REFUSED"
        # What is in the cache by now is not for the world either.
        assert set(asked(world, "203.0.113.10", 53, [BEYOND]).values()) == {("REFUSED",)}


COPY = """\
import sys, dns.message, dns.name, dns.query, dns.rcode, dns.tsigkeyring, dns.xfr, dns.zone
server, port, key, secret = sys.argv[1:]
ring = dns.tsigkeyring.from_text({key: ("hmac-sha256", secret)}) if key else None
ask = dns.message.make_query("example.net.", "SOA")
if ring:
    ask.use_tsig(ring, keyname=dns.name.from_text(key))
try:
    print(dns.rcode.to_text(dns.query.udp(ask, server, port=int(port), timeout=2).rcode()), end=" ")
    zone = dns.zone.Zone("example.net.", relativize=False)
    query, _ = dns.xfr.make_query(zone, None, keyring=ring, keyname=dns.name.from_text(key) if key else None)
    dns.query.inbound_xfr(server, zone, query, int(port), timeout=10, lifetime=20)
    print(len(zone.nodes) > 1)
except Exception as error:
    print(type(error).__name__)
"""
"""Runs on a client: the code of a question for the SOA record, and whether a copy is had."""

SECRET = "c2l4dGVlbiBvY3RldHMgYXQgbGVhc3QsIGFuZCBtb3Jl"
"""As `serving` writes it."""
SERVERS = {"eth0": ("198.51.100.2/24", "198.51.100.4/24"), "wan0": ("203.0.113.10/24",)}


def test_secondaries_of_bind_behind_dnsmasq_reach_it_and_nobody_else_does(tmp_path: Path) -> None:
    """Each at the address and port of its `primary:`; the firewall's rules are loaded half way."""
    files = rendered(BEHIND, "ns1")[1]
    state = tmp_path / "state"
    state.mkdir()
    (state / "site.yaml").write_text(BEHIND)
    (state / "hosts.yaml").write_text("ns1: {ipv4: 198.51.100.4}\n")
    named = NodeNamed(tmp_path / "named", files, 5353)
    lan = Lan(tmp_path, SERVERS)
    try:
        lan.open()
        clients = {}
        for last in (53, 54, 55):
            client = clients[last] = lan.client(f"s{last}", f"52:54:00:00:09:{last}", "wan0")
            ip("-n", client.namespace, "address", "add", f"203.0.113.{last}/24", "dev", "eth0")
            ip("-n", client.namespace, "route", "add", "198.51.100.0/24", "via", "203.0.113.10")

        def copied(last: int, at: str, key: str = "") -> str:
            words = [*at.split("#"), key, SECRET]
            argv = clients[last].command(sys.executable, "-c", COPY, *words)
            done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=120)
            return done.stdout.strip() or done.stderr

        with lan.entered(), serving(tmp_path, state, instead=named) as node:
            assert node.config.exists()
            assert copied(53, "198.51.100.4#4353", "xfer") == "NOERROR True"
            assert copied(54, "198.51.100.2#5353") == "NOERROR True"
            assert copied(55, "198.51.100.4#4353", "xfer") == "NOERROR True", "a key counts from everywhere"
            assert copied(55, "198.51.100.2#5353") == "REFUSED TransferError"
            assert copied(53, "198.51.100.4#4353") == "REFUSED TransferError"
            rules = tmp_path / "reconciler.nft"
            rules.write_text(files["etc/nftables.d/reconciler.nft"].text)
            subprocess.run(["nft", "-f", str(rules)], check=True)
            assert copied(53, "198.51.100.4#4353", "xfer") == "NOERROR True"
            assert copied(54, "198.51.100.2#5353") == "NOERROR True"
            assert copied(55, "198.51.100.4#4353", "xfer") == "Timeout"
            assert copied(54, "198.51.100.4#4353", "xfer") == "Timeout"
    finally:
        lan.close()
