"""dnsmasq before a real named: clients get BIND's answers, fresh ones, through the port that they ask."""

from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import pytest
from dnsmasq_fixtures import HOSTS, SITE, Bench, make_site
from servers import wait_until

from reconciler import tools
from reconciler.demo.named import NamedServer
from reconciler.dns.names import filename
from reconciler.errors import ReconcilerError
from reconciler.services.dnsmasq.trial import program
from reconciler.site import Site

pytestmark = pytest.mark.real

FORWARD = SITE.replace("authoritative: none", "authoritative: bind, nameservers: ns.example.net").replace(
    "203.0.113.192/26}", "203.0.113.192/26, reverse: 192/26.113.0.203.in-addr.arpa}"
)
OUTER = HOSTS + "outer: {ipv4: 203.0.113.193}\n"


class Behind:
    """named with the site's zones as plain files."""

    def __init__(self, folder: Path) -> None:
        self.zones = folder / "zones"
        self.zones.mkdir(parents=True)
        self.serial = 0
        self.named = NamedServer(folder / "named")

    def serve(self, site: Site) -> None:
        self.serial += 1
        for name, item in site.zones.items():
            (self.zones / filename(name)).write_text(item.zone.text(self.serial))
        self.named.extra = "".join(
            f'zone "{name}" {{ type primary; file "{self.zones / filename(name)}"; }};\n' for name in site.zones
        )
        self.named.configure()
        if self.named.pid is None:
            self.named.start()
            return
        settings = self.named.settings()
        argv = [
            program("rndc") or "rndc",
            "-s",
            "127.0.0.1",
            "-p",
            str(settings.rndc_port),
            "-k",
            str(settings.rndc_key),
        ]
        assert tools.run([*argv, "reload"]).code == 0
        wait_until(lambda: {self._served(name) for name in site.zones} == {self.serial}, what="zones loaded")

    def _served(self, zone: str) -> int:
        query = dns.message.make_query(zone, "SOA")
        answer = dns.query.udp(query, "127.0.0.1", port=self.named.port, timeout=3)
        return int(answer.answer[0][0].serial) if answer.answer else 0


@pytest.fixture
def behind(tmp_path: Path, bench: Bench) -> Iterator[Behind]:
    made = Behind(tmp_path / "behind")
    bench.manage(made.named.settings())
    yield made
    made.named.stop()


def test_answers_come_from_bind(bench: Bench, behind: Behind) -> None:
    site = make_site(OUTER, site=FORWARD)
    behind.serve(site)
    bench.apply(site)
    assert bench.ask("printer.internal.example.org.") == ("192.168.1.40",)
    assert bench.ask("print.internal.example.org.", "CNAME") == ("printer.internal.example.org.",)
    assert bench.ask("40.1.168.192.in-addr.arpa.", "PTR") == ("printer.internal.example.org.",)
    assert bench.ask("internal.example.org.", "NS") == ("ns.example.net.",)


def test_plain_reverse_name_of_a_classless_zone_is_answered(bench: Bench, behind: Behind) -> None:
    site = make_site(OUTER, site=FORWARD)
    behind.serve(site)
    bench.apply(site)
    assert bench.ask("193.113.0.203.in-addr.arpa.", "PTR") == ("outer.lan.example.org.",)


def test_cached_answers_go_when_a_zone_changes(bench: Bench, behind: Behind) -> None:
    site = make_site(site=FORWARD)
    behind.serve(site)
    bench.apply(site)
    assert bench.ask("new.internal.example.org.") == ("NXDOMAIN",), "now in the cache, for five minutes"
    pid = bench.server.pid
    changed = make_site(HOSTS.replace("1.40", "1.44") + "new: {ipv4: 192.168.1.50}\n", site=FORWARD)
    behind.serve(changed)
    outcome = bench.apply(changed)
    assert outcome is not None and outcome.actions == ("reload dnsmasq",) and not outcome.zones
    assert bench.ask("new.internal.example.org.") == ("192.168.1.50",)
    assert bench.ask("printer.internal.example.org.") == ("192.168.1.44",)
    assert bench.server.pid == pid


def test_bind_that_does_not_serve_it_is_an_error(bench: Bench, behind: Behind) -> None:
    site = make_site(site=FORWARD)
    behind.serve(site)
    bench.apply(site)
    with pytest.raises(ReconcilerError, match=r"asked for 50\.1\.168\.192\.in-addr\.arpa\. PTR, it says no such"):
        bench.apply(make_site(HOSTS + "new: {ipv4: 192.168.1.50}\n", site=FORWARD))
    assert bench.ask("printer.internal.example.org.") == ("192.168.1.40",)


def test_an_alias_into_another_zone_needs_a_named_that_follows_it(bench: Bench, behind: Behind) -> None:
    before = make_site(OUTER, site=FORWARD)
    behind.serve(before)
    bench.apply(before)
    # Alone: what the alias leads to is not asked for, and so not in the cache.
    site = make_site(OUTER.replace("[print]", "[print, alias.lan.example.org.]"), site=FORWARD)
    behind.serve(site)
    with pytest.raises(ReconcilerError, match=r"named does not follow: write `recursion yes; allow-recursion"):
        bench.apply(site)
    # As `reconciler bootstrap` writes it, but that there is nobody to ask.
    conf = behind.named.folder / "named.conf"
    follows = "recursion yes; allow-recursion { localhost; }; forward only; forwarders { 127.0.0.1 port 9; };"
    conf.write_text(conf.read_text().replace("recursion no;", follows))
    behind.named.restart()
    bench.apply(site)
    assert bench.ask("alias.lan.example.org.") == ("192.168.1.40", "printer.internal.example.org.")
