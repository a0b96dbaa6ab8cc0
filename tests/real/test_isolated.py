"""Two dnsmasqs on one node: what a push says, what is put back, what a crash leaves. On loopback, without DHCP."""

from collections.abc import Iterator
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest
from nodes import HOSTS, Clone, reconciler, running_node, status
from servers import wait_until

from reconciler.demo.dnsmasq import DnsmasqServer
from reconciler.demo.pocket import PocketSite
from reconciler.errors import ReconcilerError

pytestmark = pytest.mark.real

SITE = """\
version: 1
site: test
domain: example.net
networks:
  office: {domain: office.example.net, ipv4: 192.168.10.0/24}
  guest: {domain: guest.example.net, ipv4: 192.168.20.0/24}
dns: {clients_ask: dnsmasq, authoritative: none, nameservers: [ns.example.net], forwarders: [127.0.0.99]}
"""
ISOLATED = SITE.replace("guest: {", "guest: {isolated: yes, ")
TV = "tv: {ipv4: 192.168.20.50}\n"


class Site:
    def __init__(self, node: PocketSite, clone: Clone) -> None:
        self.node, self.clone = node, clone
        assert node.dnsmasq
        self.main, self.own = node.dnsmasq, node.isolated["guest"]

    def ask(self, name: str, *, guest: bool) -> str:
        server = self.own if guest else self.main
        query = dns.message.make_query(name, "A")
        answer = dns.query.udp(query, server.address, port=server.port, timeout=15)
        data = [item.to_text() for rrset in answer.answer for item in rrset]
        return data[0] if data else dns.rcode.to_text(answer.rcode())

    def change(self, site: str) -> str:
        """What the push said; whether it was taken is not looked at."""
        self.clone.commit({"site.yaml": site})
        return self.clone.push().stdout

    def is_isolated(self) -> bool:
        return (self.ask("host11.office.example.net", guest=True), self.ask("tv.guest.example.net", guest=True)) == (
            "NXDOMAIN",
            "192.168.20.50",
        )


def chaos(server: DnsmasqServer, name: str) -> bool:
    """Whether it says what it is asked about itself; a question of another class it passes on to the forwarder."""
    query = dns.message.make_query(name, "TXT", "CH")
    try:
        return bool(dns.query.udp(query, server.address, port=server.port, timeout=1).answer)
    except dns.exception.Timeout:
        return False


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_node(tmp_path, site=SITE, bind=False, isolated=["guest"]) as (node, clone):
        clone.change({"hosts.yaml": HOSTS + TV})
        yield Site(node, clone)


def test_a_push_is_refused_where_the_node_has_no_instance(tmp_path: Path) -> None:
    with running_node(tmp_path, site=SITE, bind=False) as (node, clone):
        before, done = clone.run("ls-remote", "origin", "main").stdout, list(node.helper.done)
        clone.commit({"site.yaml": ISOLATED})
        refused = clone.push()
        assert refused.returncode != 0
        said = " ".join(refused.stdout.replace("remote:", " ").split())
        assert 'network "guest" is isolated, which takes a dnsmasq of its own' in said
        assert "`isolated: {guest: {address: 127.0.1.3}}`" in said
        assert clone.run("ls-remote", "origin", "main").stdout == before
        assert node.helper.done == done


def test_one_that_has_nothing_to_do_is_left_alone_and_then_takes_over(site: Site) -> None:
    assert not any("guest" in words for words in site.node.helper.done)
    assert "port=0" in (site.own.directory / "dnsmasq.conf").read_text()
    assert "applied" in site.change(ISOLATED)
    assert site.is_isolated()
    assert site.ask("host11.office.example.net", guest=False) == "192.168.10.11"
    assert site.ask("tv.guest.example.net", guest=False) == "192.168.20.50"
    assert [chaos(server, "servers.bind") for server in (site.main, site.own)] == [True, False], "who is asked upstream"
    assert status(site.node)["healthy"] is True
    (site.own.directory / "hosts.d/guest.hosts").write_text("192.168.20.50 changed.guest.example.net\n")
    reconciler(site.node, "apply")
    assert any(item["place"] == "dnsmasq@guest/hosts.d/guest.hosts" for item in status(site.node)["drift"])


def test_a_unit_that_does_not_run_is_told_before_anything_is_touched(site: Site) -> None:
    site.own.stop()
    pid, done = site.main.pid, list(site.node.helper.done)
    said = " ".join(site.change(ISOLATED).replace("remote:", " ").split())
    assert 'dnsmasq@guest is to serve network "guest" and does not run' in said
    assert (site.main.pid, site.node.helper.done) == (pid, done)
    site.own.start()
    wait_until(lambda: "wrote dnsmasq@guest/dnsmasq.conf" in site.node.log.read_text(), what="the next try")
    assert site.is_isolated()


def test_all_is_put_back_where_the_second_one_does_not_come_up(site: Site) -> None:
    main, own = ((server.directory / "dnsmasq.conf") for server in (site.main, site.own))
    before = main.read_bytes(), own.read_bytes()
    restart, broken = site.own.restart, [True]

    def fails_once() -> None:
        if broken:
            broken.pop()
            raise ReconcilerError("it would not start")
        restart()

    site.own.restart = fails_once  # type: ignore[method-assign]
    said = site.change(ISOLATED)
    assert "it would not start" in said and "its old files are back" in said, said
    assert (main.read_bytes(), own.read_bytes()) == before
    assert site.ask("tv.guest.example.net", guest=False) == "192.168.20.50"
    assert "applied" in site.change(ISOLATED + "# once more\n")
    assert site.is_isolated()


def test_a_crash_between_the_two_is_finished(site: Site) -> None:
    site.clone.commit({"site.yaml": ISOLATED})
    answer, restarts = site.node.helper.answer, []

    def dies(request: bytes) -> str:
        restarts.append(request)
        if b"restart dnsmasq@guest" in request:
            site.node.kill_daemon()
        return answer(request) if b"@guest" not in request or b"reload" in request else "error: gone"

    site.node.helper.answer = dies  # type: ignore[method-assign]
    site.clone.push()
    wait_until(lambda: site.node.pid is None, what="the daemon to be killed")
    site.node.helper.answer = answer  # type: ignore[method-assign]
    assert restarts
    site.node.start_daemon()
    wait_until(site.is_isolated, what="the apply to be finished")
    assert site.ask("tv.guest.example.net", guest=False) == "192.168.20.50"
