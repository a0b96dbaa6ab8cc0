"""A real dnsmasq with the service that manages it, as the daemon would."""

from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from reconciler.build import build
from reconciler.config import BindSettings
from reconciler.demo.dnsmasq import DnsmasqServer
from reconciler.demo.helper import Helper
from reconciler.deployed import Deployed, DeployedZone
from reconciler.effects import Effects
from reconciler.role.always import Always
from reconciler.services.base import Outcome
from reconciler.services.dnsmasq.service import Dnsmasq
from reconciler.site import Site
from reconciler.state.load import load
from reconciler.state.tree import Blob

SITE = """\
version: 1
site: home
domain: example.org
networks:
  internal: {interface: enp2s1, domain: internal.example.org, ipv4: 192.168.1.0/24, ipv6: "2001:db8:1::/64"}
  lan: {domain: lan.example.org, ipv4: 203.0.113.192/26}
dns: {clients_ask: dnsmasq, authoritative: none, forwarders: [127.0.0.99]}
"""
HOSTS = """\
printer: {ipv4: 192.168.1.40, aliases: [print]}
nas: {ipv4: 192.168.1.41, ipv6: "::41"}
"""
ZONE = """\
'':
  - {type: MX, values: [{preference: 10, exchange: nas.internal.example.org.}]}
"""


def make_site(hosts: str = HOSTS, zone: str = ZONE, site: str = SITE, hatch: str = "") -> Site:
    """A site from what a user would write."""
    texts = {"site.yaml": site, "hosts.yaml": hosts, "zones/internal.example.org.yaml": zone}
    if hatch:
        texts["dnsmasq.d/extra.conf"] = hatch
    loaded = load(
        {
            path: Blob(sha1(text.encode(), usedforsecurity=False).hexdigest(), text.encode())
            for path, text in texts.items()
        }
    )
    assert loaded.state is not None, [str(problem) for problem in loaded.problems]
    result = build(loaded.state)
    assert result.site is not None, [str(problem) for problem in result.problems]
    return result.site


class Bench:
    """Server, helper and service; keeps what is deployed, as the manifest would."""

    def __init__(self, folder: Path) -> None:
        self.server = DnsmasqServer(folder / "server")
        self.helper = Helper(folder / "helper.sock", {"dnsmasq": self.server})
        self.effects = Effects(Always(), helper=self.helper.path)
        self.said: list[str] = []
        self.deployed = Deployed()
        self.service = self.manage()

    def manage(self, bind: BindSettings | None = None) -> Dnsmasq:
        self.service = Dnsmasq(self.server.settings(), bind=bind)
        return self.service

    def apply(self, site: Site) -> Outcome | None:
        staged = self.service.stage(site, self.deployed, self.effects)
        if staged is None:
            return None
        outcome = staged.commit(self.said.append)
        zones = {
            name: DeployedZone(item.zone, item.dynamic, 0, leases=item.leases) for name, item in site.zones.items()
        }
        self.deployed = Deployed("commit", zones, outcome.files)
        return outcome

    def ask(self, name: str, rtype: str = "A") -> tuple[str, ...]:
        """Sorted data of all records in the answer, or the response code in capitals where there are none."""
        answer = dns.query.udp(dns.message.make_query(name, rtype), "127.0.0.1", port=self.server.port, timeout=3)
        data = sorted(item.to_text() for rrset in answer.answer for item in rrset)
        return tuple(data) or (dns.rcode.to_text(answer.rcode()),)

    @property
    def conf(self) -> Path:
        return self.server.directory / "dnsmasq.conf"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    made.helper.start()
    yield made
    made.helper.stop()
    made.server.stop()
