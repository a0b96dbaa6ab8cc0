"""A node with a real named, for tests of services.bind: sites by hand, applies, updates, questions."""

import subprocess
from dataclasses import replace
from pathlib import Path

from servers import wait_until

from reconciler.demo.named import NamedServer
from reconciler.deployed import Deployed, DeployedZone, begun
from reconciler.dns import names, rdata
from reconciler.dns.records import group
from reconciler.dns.zone import SOA, Zone
from reconciler.effects import Effects
from reconciler.role.always import Always
from reconciler.services.base import Drift, Outcome
from reconciler.services.bind.query import Server
from reconciler.services.bind.service import Bind
from reconciler.services.bind.staged import BindStaged
from reconciler.services.bind.zonefile import serial_in
from reconciler.site import Site, SiteZone
from reconciler.state.model import Hatch
from reconciler.state.schema import Dns, KeepRule, Key, SerialStyle, UpdateGrant

PATIENCE = 2.0


def zone(name: str, *records: str) -> Zone:
    """A zone from lines `owner ttl type rdata`, owners and CNAMEs relative; with an NS and its address."""
    lines = ["@ 3600 NS ns.outside.example."]
    found = []
    for line in (*lines, *records):
        owner, ttl, rtype, text = line.split(None, 3)
        found.append((names.parse(owner, name), int(ttl), rtype, rdata.canonical(rtype, text, name)))
    return Zone(name, SOA("ns.outside.example.", "hostmaster.outside.example."), group(found))


def static(name: str, *records: str, drift: str = "report") -> SiteZone:
    return SiteZone(zone(name, *records), False, drift, (), (), SerialStyle.INCREMENT)


def dynamic(
    name: str,
    *records: str,
    drift: str = "report",
    keep: tuple[KeepRule, ...] = (),
    update: tuple[UpdateGrant, ...] = (),
) -> SiteZone:
    return SiteZone(zone(name, *records), True, drift, keep, update, SerialStyle.INCREMENT)


def site(*zones: SiteZone, keys: dict[str, Key] | None = None, hatch: str = "", authoritative: str = "bind") -> Site:
    return Site(
        name="test",
        dns=Dns.model_validate({"authoritative": authoritative}),
        networks={},
        hosts=(),
        zones={item.zone.name: item for item in zones},
        keys=keys or {},
        bind_hatches=(Hatch("bind.d/extra.conf", hatch),) if hatch else (),
    )


class Lab:
    """One Bind over one named, with the manifest kept as the daemon keeps it."""

    def __init__(self, named: NamedServer) -> None:
        self.named = named
        self.secrets = named.folder / "secrets"
        self.secrets.mkdir(exist_ok=True)
        self.effects = Effects(Always(), helper=Path("/nonexistent"))
        self.deployed = Deployed()
        self.said: list[str] = []
        self.server = Server("127.0.0.1", named.port)
        self.bind = self.new_bind()

    def new_bind(self) -> Bind:
        """As after a restart of the daemon: nothing remembered."""
        return Bind(self.named.settings(), secrets=self.secrets, patience=PATIENCE)

    @property
    def folder(self) -> Path:
        return self.named.bind

    def file(self, name: str) -> Path:
        return self.folder / "zones" / name

    def stage(self, wanted: Site) -> BindStaged | None:
        staged = self.bind.stage(wanted, self.deployed, self.effects)
        if staged is not None:
            self.deployed = replace(self.deployed, pending=begun(self.deployed.pending, staged.pending))
        return staged

    def apply(self, wanted: Site) -> Outcome | None:
        """Stage and commit; the manifest changes only when that went well, and `pending` stays otherwise."""
        staged = self.stage(wanted)
        if staged is None:
            return None
        try:
            outcome = staged.commit(self.said.append)
        except Exception:
            staged.discard()
            raise
        self.deployed = Deployed("commit", outcome.zones, outcome.files)
        return outcome

    def drift(self, wanted: Site) -> tuple[Drift, ...]:
        return self.bind.drift(wanted, self.deployed, self.effects)

    def recover(self) -> None:
        self.bind.recover(self.deployed, self.effects, self.said.append)

    def serial(self, name: str) -> int:
        return self.server.live(name).serial

    def ask(self, name: str, rtype: str = "A") -> list[str]:
        """The record data of an answer, sorted."""
        answer = self.server.ask(name, rtype)
        return sorted(datum.to_text() for rrset in answer.answer for datum in rrset)

    def rcode(self, name: str, rtype: str = "A") -> str:
        return self.server.ask(name, rtype).rcode().name  # type: ignore[no-any-return]

    def rndc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        key = str(self.named.folder / "rndc.key")
        place = ["-s", "127.0.0.1", "-p", str(self.named.rndc_port)]
        return subprocess.run(
            ["rndc", "-c", key, "-y", "rndc-key", *place, *arguments], capture_output=True, text=True, check=False
        )

    def frozen(self, name: str) -> bool:
        return "frozen: yes" in self.rndc("zonestatus", name.rstrip("."), "IN", "_default").stdout

    def freeze(self, name: str) -> None:
        """Freeze as an admin would, and wait until the dump that this begins is over."""
        serial = self.serial(f"{name}.")
        assert self.rndc("freeze", name, "IN", "_default").returncode == 0
        wait_until(lambda: serial_in(self.file(name)) == serial, what="the dump")

    def update(self, zone_name: str, *commands: str, key: Path | None = None) -> subprocess.CompletedProcess[str]:
        """One signed dynamic update with nsupdate(1)."""
        text = "\n".join([f"server 127.0.0.1 {self.named.port}", f"zone {zone_name}", *commands, "send", ""])
        argv = ["nsupdate", "-k", str(key or self.folder / "reconciler.key")]
        return subprocess.run(argv, input=text, capture_output=True, text=True, check=False)

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.folder.rglob(".*"))

    def zone_deployed(self, name: str) -> DeployedZone:
        return self.deployed.zones[name]
