"""The example states on real servers: every name in them is asked, by clients in networks made for it."""

import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from clients import missing
from nodes import ENVIRONMENT, Clone, status
from state_trees import built, folder

from reconciler.demo.lan import Client, Lan
from reconciler.demo.named import NamedServer
from reconciler.demo.pocket import PocketSite
from reconciler.dns.records import Key
from reconciler.services.dnsmasq.served import Mode, expected

pytestmark = [pytest.mark.net, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

EXAMPLES = Path(__file__).parents[2] / "state-repo-example"
GUESTS = ("guest.thesteins.org.", "3.168.192.in-addr.arpa.")
WORLD = ("52:54:00:00:09:01", "wan0", "203.0.113.30/24")
HOME_LAN = {"enp2s1": ("192.168.1.7/24", "192.168.1.4/24"), "enp2s1.3": ("192.168.3.7/24", "192.168.3.4/24")}
INSIDER, GUEST = (
    ("52:54:00:00:01:01", "enp2s1", "192.168.1.30/24"),
    ("52:54:00:00:03:01", "enp2s1.3", "192.168.3.30/24"),
)

ASK = """\
import sys, dns.message, dns.query, dns.rcode, dns.rdatatype
for line in sys.stdin:
    owner, rtype = line.split()
    answer = dns.query.tcp(dns.message.make_query(owner, rtype), sys.argv[1], port=int(sys.argv[2]), timeout=30)
    wanted = dns.rdatatype.from_text(rtype)
    found = sorted(item.to_text() for rrset in answer.answer if rrset.rdtype == wanted for item in rrset)
    print(dns.rcode.to_text(answer.rcode()), *found, sep="\\t")
"""
"""Runs on the client: reads names and types, writes each answer's code and data."""


def asked(client: Client | None, server: str, port: int, keys: Iterable[Key]) -> dict[Key, tuple[str, ...]]:
    """What a server answers to a client (None: to this machine): the code where there is no data."""
    keys = list(keys)
    argv = [sys.executable, "-c", ASK, server, str(port)]
    lines = "".join(f"{owner} {rtype}\n" for owner, rtype in keys)
    done = subprocess.run(
        client.command(*argv) if client else argv, input=lines, capture_output=True, text=True, check=True, timeout=120
    )
    answers = [line.split("\t") for line in done.stdout.splitlines()]
    return {key: tuple(data or [code]) for key, (code, *data) in zip(keys, answers, strict=True)}


@contextmanager
def serving(
    tmp_path: Path, name: str | Path, *, named: str = "", instead: NamedServer | None = None, **options: Any
) -> Iterator[PocketSite]:
    """A node that has taken a push of this example, without what would ask the world for the public address.

    name: of the example, or a folder. named: further options of its named; instead: another one in its place.
    """
    if instead:
        options["settings"] = {**options.get("settings", {}), "bind": instead.settings().model_dump()}
    node = PocketSite(tmp_path / "node", **options)
    if instead:
        node.named = instead
    elif node.named:
        node.named.options = named
        node.named.configure()
    (node.folder / "secrets").mkdir(parents=True)
    for secret in ("transfer", "namecheap", "drbd"):
        (node.folder / "secrets" / secret).write_text("c2l4dGVlbiBvY3RldHMgYXQgbGVhc3QsIGFuZCBtb3Jl\n")
    try:
        made = subprocess.run(node.init_command(), env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout + made.stderr
        node.start()
        clone = Clone(node, tmp_path / "clone")
        shutil.copytree(EXAMPLES / name, clone.path, dirs_exist_ok=True)
        site = yaml.load((clone.path / "site.yaml").read_text(), Loader=yaml.BaseLoader)
        site.pop("wan", None)
        said = clone.change({"site.yaml": yaml.safe_dump(site, sort_keys=False)})
        assert "applied" in said, said
        yield node
    finally:
        node.stop()
    assert "Traceback" not in node.log.read_text()


@contextmanager
def home_lan(tmp_path: Path) -> Iterator[tuple[Client, Client, Client]]:
    """The home network's two VLANs and its way out, with a client in each."""
    lan = Lan(tmp_path, {**HOME_LAN, "wan0": ("203.0.113.10/24",)})
    try:
        lan.open()
        clients = []
        for name, (mac, interface, address) in (("in", INSIDER), ("guest", GUEST), ("world", WORLD)):
            client = lan.client(name, mac, interface)
            subprocess.run(client.command("ip", "address", "add", address, "dev", "eth0"), check=True)
            clients.append(client)
        with lan.entered():
            yield clients[0], clients[1], clients[2]
    finally:
        lan.close()


def records(name: str) -> dict[Key, tuple[str, ...]]:
    """What the zones of an example hold."""
    site = built(folder(EXAMPLES / name)).site
    assert site
    return {key: rrset.rdatas for zone in site.zones.values() for key, rrset in zone.zone.rrsets.items()}


def right(answers: Mapping[Key, tuple[str, ...]], wanted: Mapping[Key, tuple[str, ...]]) -> None:
    assert wanted
    wrong = {key: (answers[key], data) for key, data in wanted.items() if answers[key] != tuple(sorted(data))}
    assert not wrong


@pytest.mark.parametrize("name", ["office", "home", "home-views", "small-subnet"])
def test_it_is_one_without_mistakes(name: str) -> None:
    result = built(folder(EXAMPLES / name))
    assert result.site
    assert not [str(problem) for problem in result.problems if "no effect" in str(problem)]


def test_home(tmp_path: Path) -> None:
    with home_lan(tmp_path) as (insider, guest, _):
        settings = {"node": "lsvm2"}
        with serving(tmp_path, "home", bind=False, dhcp=True, isolated=["guest"], settings=settings) as node:
            site = built(folder(EXAMPLES / "home")).site
            assert site
            wanted = expected(site.zones.values(), Mode.ALONE)
            right(asked(insider, "192.168.1.4", 53, wanted), wanted)
            own = {key: data for key, data in wanted.items() if key[0].endswith(GUESTS)}
            answers = asked(guest, "192.168.3.4", 53, wanted)
            right(answers, own)
            others = [key for key in wanted.keys() - own.keys() if "internal." in key[0] or ".1.168.192." in key[0]]
            assert {answers[key] for key in others} == {("NXDOMAIN",)}
            assert status(node)["healthy"]


def test_home_views(tmp_path: Path) -> None:
    listen = "listen-on port 53 { 192.168.1.4; 192.168.3.4; 203.0.113.10; };"
    with (
        home_lan(tmp_path) as (insider, guest, world),
        serving(tmp_path, "home-views", named=listen, dhcp=True, settings={"node": "lsvm2"}) as node,
    ):
        site = built(folder(EXAMPLES / "home-views")).site
        assert site
        seen: dict[str, dict[Key, tuple[str, ...]]] = {}
        for zone in site.zones.values():
            found = {key: rrset.rdatas for key, rrset in zone.zone.rrsets.items()}
            seen.setdefault(zone.zone.view, {}).update(found)
        own = {key: data for key, data in seen[""].items() if key[0].endswith(GUESTS)}
        # A name of a zone itself is there, with nothing but the name server that an empty zone needs.
        hidden = {key for key in seen[""].keys() - own.keys() if key[1] != "NS"}
        inside, outside = seen[""] | seen["internal"], seen["external"]
        right(asked(insider, "192.168.1.4", 53, inside), inside)
        right(asked(guest, "192.168.3.4", 53, own), own)
        assert set(asked(guest, "192.168.3.4", 53, hidden).values()) == {("NXDOMAIN",)}
        right(asked(world, "203.0.113.10", 53, outside), outside)
        assert set(asked(world, "203.0.113.10", 53, seen[""]).values()) == {("NXDOMAIN",), ("REFUSED",)}
        assert inside[("imap.thesteins.org.", "A")] == ("192.168.1.41",)
        assert outside[("imap.thesteins.org.", "A")] == ("203.0.113.10",)
        assert status(node)["healthy"]


@contextmanager
def alone(tmp_path: Path) -> Iterator[None]:
    """A network namespace from which nothing leads out: notices to secondaries stay in it."""
    lan = Lan(tmp_path, {})
    try:
        lan.open()
        with lan.entered():
            yield
    finally:
        lan.close()


def test_office(tmp_path: Path) -> None:
    with alone(tmp_path), serving(tmp_path, "office") as node:
        assert node.dnsmasq
        wanted = records("office")
        right(asked(None, "127.0.0.1", node.dnsmasq.port, wanted), wanted)


def test_small_subnet(tmp_path: Path) -> None:
    with alone(tmp_path), serving(tmp_path, "small-subnet", dnsmasq=False, settings={"node": "malaria"}) as node:
        assert node.named
        wanted = records("small-subnet")
        right(asked(None, "127.0.0.1", node.named.port, wanted), wanted)
        # As the document has them.
        reverse = "192-255.100.51.198.in-addr.arpa."
        assert wanted[(f"193.{reverse}", "PTR")] == ("host193.example.org.",)
        assert wanted[(f"195.{reverse}", "PTR")] == ("example.org.",)
        assert wanted[("example.org.", "A")] == ("198.51.100.236",)
        assert wanted[("www.example.org.", "CNAME")] == ("diphtheria.example.org.",)
        assert status(node)["healthy"]
