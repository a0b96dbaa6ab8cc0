"""The small site that is measured, 200 records: as the reconciler's state, and as zone files for the others."""

from dataclasses import dataclass, field

from bench.answer import Question

FORWARD = "office.example.net"
REVERSE = "10.168.192.in-addr.arpa"
HOSTS = 99

SITE_YAML = f"""\
version: 1
site: bench
networks:
  office: {{domain: {FORWARD}, ipv4: 192.168.10.0/24}}
dns: {{clients_ask: CLIENTS_ASK, authoritative: bind, nameservers: [host0.{FORWARD}]}}
"""


@dataclass
class Inventory:
    """99 hosts, each with A and PTR, and two NS records; `alias` is a CNAME that some changes move."""

    addresses: dict[str, int] = field(default_factory=lambda: {f"host{n}": 10 + n for n in range(HOSTS)})
    alias: str = "alias"

    def rename_alias(self, number: int) -> list[Question]:
        """A change of one host that touches one zone."""
        self.alias = f"alias{number}"
        return [Question(f"{self.alias}.{FORWARD}.", "CNAME", f"host0.{FORWARD}.")]

    def move_host(self, number: int) -> list[Question]:
        """A change of one host that touches its A record and its PTR record, in two zones."""
        self.addresses["host1"] = 120 + number % 130
        return [
            Question(f"host1.{FORWARD}.", "A", f"192.168.10.{self.addresses['host1']}"),
            Question(f"{self.addresses['host1']}.{REVERSE}.", "PTR", f"host1.{FORWARD}."),
        ]

    def state(self, clients_ask: str = "bind") -> dict[str, str]:
        """Files of the state repository."""
        hosts = [f"{name}: {{ipv4: 192.168.10.{last}}}\n" for name, last in self.addresses.items() if name != "host0"]
        first = f"host0: {{ipv4: 192.168.10.{self.addresses['host0']}, aliases: [{self.alias}]}}\n"
        return {"site.yaml": SITE_YAML.replace("CLIENTS_ASK", clients_ask), "hosts.yaml": first + "".join(hosts)}

    def zones(self, serial: int) -> dict[str, str]:
        """Master files by zone, as somebody would keep them by hand."""
        forward = [f"{name} A 192.168.10.{last}\n" for name, last in self.addresses.items()]
        reverse = [f"{last} PTR {name}.{FORWARD}.\n" for name, last in self.addresses.items()]
        alias = f"{self.alias} CNAME host0\n"
        return {
            FORWARD: _head(FORWARD, serial) + "".join(forward) + alias,
            REVERSE: _head(REVERSE, serial) + "".join(reverse),
        }


def _head(zone: str, serial: int) -> str:
    soa = f"host0.{FORWARD}. hostmaster.{FORWARD}. {serial} 3600 600 604800 300"
    return f"$ORIGIN {zone}.\n$TTL 3600\n@ SOA {soa}\n@ NS host0.{FORWARD}.\n"
