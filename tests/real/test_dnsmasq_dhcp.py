"""A real client gets its lease from a real dnsmasq with the rendered files, in network namespaces (root only)."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from dnsmasq_fixtures import make_site
from servers import wait_until

from reconciler.config import BindSettings, DnsmasqSettings
from reconciler.dns.names import filename
from reconciler.dns.records import group
from reconciler.join import join
from reconciler.services.dnsmasq.check import lay
from reconciler.services.dnsmasq.render import render
from reconciler.services.dnsmasq.trial import program
from reconciler.site import Site

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces that talk to each other need root"),
    pytest.mark.skipif(shutil.which("busybox") is None, reason="no busybox (busybox-static) for udhcpc"),
]

SITE = """\
version: 1
site: home
networks:
  internal:
    interface: srv0
    domain: internal.example.org
    ipv4: 192.168.1.0/24
    router: 192.168.1.1
    virtual_ips: 192.168.1.4
    dhcp: {ranges: [192.168.1.100-192.168.1.150], lease: 12h}
dns: {clients_ask: dnsmasq, authoritative: none, forwarders: [127.0.0.99]}
"""
FORWARD = SITE.replace("authoritative: none", "authoritative: bind, nameservers: ns.example.net")
MAC = "52:54:00:12:34:56"
RESERVED = f'printer: {{mac: "{MAC}", ipv4: 192.168.1.40}}\n'
SCRIPT = """\
#!/bin/sh
[ "$1" = bound ] && echo "ip=$ip router=$router dns=$dns domain=$domain lease=$lease" > "$0.out"
exit 0
"""


class Net:
    """A server's and a client's namespace, joined by a veth pair, and dnsmasq in the former."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server, self.client = (f"rcl{os.getpid()}{side}" for side in "sc")
        self.script = folder / "client-script"
        self.script.write_text(SCRIPT)
        self.script.chmod(0o755)
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.named: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        for name in (self.server, self.client):
            self._ip("netns", "add", name)
        self._ip(
            "link", "add", "srv0", "netns", self.server, "type", "veth", "peer", "name", "cli0", "netns", self.client
        )
        self._ip("-n", self.server, "address", "add", "192.168.1.4/24", "dev", "srv0")
        self._ip("-n", self.server, "link", "set", "lo", "up")
        self._ip("-n", self.server, "link", "set", "srv0", "up")
        self._ip("-n", self.client, "link", "set", "cli0", "address", MAC, "up")

    def close(self) -> None:
        for process in (self.process, self.named):
            if process is not None:
                process.kill()
                process.wait()
        for name in (self.server, self.client):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def lay(self, site: Site, bind: BindSettings | None = None) -> None:
        settings = DnsmasqSettings.model_validate(
            {"directory": str(self.folder), "lease_file": str(self.folder / "leases")}
        )
        rendered = render(site, settings, bind)
        assert not rendered.complaints
        for path in (self.folder / "reservations.d").glob("*.conf"):
            path.unlink()
        lay(self.folder, rendered.files)

    def start(self) -> None:
        argv = ["ip", "netns", "exec", self.server, str(program("dnsmasq")), "-k", "-C", f"{self.folder}/dnsmasq.conf"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*argv, "--user=root", f"--pid-file={self.folder}/pid", "--log-facility=-"], stdout=log, stderr=log
            )
        wait_until(lambda: "cleared cache" in self.log.read_text(), what="dnsmasq started")

    def lease(self, called: str = "guest-pc") -> dict[str, str]:
        """Ask for a lease, as a client that knows nothing; what its script was told."""
        out = self.script.with_name(f"{self.script.name}.out")
        out.unlink(missing_ok=True)
        argv = [
            "busybox",
            "udhcpc",
            "-f",
            "-q",
            "-n",
            "-i",
            "cli0",
            "-s",
            str(self.script),
            "-t",
            "5",
            "-T",
            "1",
            "-A",
            "1",
        ]
        subprocess.run(
            ["ip", "netns", "exec", self.client, *argv, "-x", f"hostname:{called}"],
            check=True,
            capture_output=True,
            timeout=30,
        )
        return dict(pair.split("=", 1) for pair in out.read_text().split())

    def begin_anew(self) -> None:
        """Start dnsmasq again, without any lease."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        (self.folder / "leases").unlink(missing_ok=True)
        self.start()

    def leased_name(self) -> str:
        """The name in the lease file of the one lease; `*` for none."""
        return (self.folder / "leases").read_text().split()[3]

    def serve_behind(self, site: Site) -> BindSettings:
        """named with the site's zones as plain files, in the server's namespace."""
        zones = self.folder / "zones"
        zones.mkdir()
        conf = f'options {{ directory "{zones}"; listen-on port 5301 {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};'
        conf += " pid-file none; recursion no; dnssec-validation no; }; controls { };\n"
        for name, item in site.zones.items():
            (zones / filename(name)).write_text(item.zone.text(1))
            conf += f'zone "{name}" {{ type primary; file "{zones / filename(name)}"; }};\n'
        (self.folder / "named.conf").write_text(conf)
        argv = ["ip", "netns", "exec", self.server, str(program("named")), "-g", "-c", f"{self.folder}/named.conf"]
        log = self.folder / "named.log"
        with log.open("wb") as out:
            self.named = subprocess.Popen(argv, stdout=out, stderr=out)
        wait_until(lambda: "running" in log.read_text(), what="named started")
        return BindSettings.model_validate({"directory": str(self.folder), "address": "127.0.0.1", "port": "5301"})

    def names(self, *question: str) -> str:
        """Answer of the server for a name (or `-x`, an address), asked inside its namespace."""
        argv = ["ip", "netns", "exec", self.server, "dig", "+short", "+tries=2", "+time=2", "@192.168.1.4", *question]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=20).stdout.strip()

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    made = Net(tmp_path)
    try:
        made.open()
        yield made
    finally:
        made.close()


def test_lease_with_the_networks_options_and_a_name_in_its_domain(net: Net) -> None:
    net.lay(make_site("", zone="", site=SITE))
    net.start()
    told = net.lease()
    assert ip_address("192.168.1.100") <= ip_address(told["ip"]) <= ip_address("192.168.1.150")
    assert {**told, "ip": ""} == {
        "ip": "",
        "router": "192.168.1.1",
        "dns": "192.168.1.4",
        "domain": "internal.example.org",
        "lease": "43200",
    }
    assert net.names("guest-pc.internal.example.org") == told["ip"]


def test_new_reservation_is_taken_up_at_once_and_a_removed_one_after_sighup(net: Net) -> None:
    net.lay(make_site("", zone="", site=SITE))
    net.start()
    net.lay(make_site(RESERVED, zone="", site=SITE))
    wait_until(lambda: "reservations.d/internal.conf" in net.log.read_text(), what="the file was seen")
    assert net.lease()["ip"] == "192.168.1.40"
    net.lay(make_site("", zone="", site=SITE))
    assert net.lease()["ip"] == "192.168.1.40", "a removed reservation is still in dnsmasq's memory"
    assert net.process is not None
    seen = net.log.read_text().count("cleared cache")
    net.process.send_signal(signal.SIGHUP)
    wait_until(lambda: net.log.read_text().count("cleared cache") > seen, what="SIGHUP was handled")
    assert net.lease()["ip"] != "192.168.1.40"


def test_client_cannot_take_the_name_of_a_host(net: Net) -> None:
    net.lay(make_site("guest-pc: {ipv4: 192.168.1.50}\n", zone="", site=SITE))
    net.start()
    net.lease()
    assert net.names("guest-pc.internal.example.org") == "192.168.1.50"


def test_names_of_services_and_names_without_address_are_never_a_clients_however_it_writes_them(net: Net) -> None:
    other = 'phone: {mac: "52:54:00:99:99:99", network: internal, aliases: [mobile]}\n'
    net.lay(make_site(other, zone="text: {type: TXT, value: x}\n", site=SITE, hatch="no-ping\n"))
    for said in ("wpad", "wpad.internal.example.org", "WPAD.elsewhere", "ns12.x", "phone", "mobile", "text"):
        net.begin_anew()
        net.lease(said)
        assert net.leased_name() == "*", said
        answer = "phone.internal.example.org." if said == "mobile" else ""
        assert net.names(f"{said.partition('.')[0]}.internal.example.org") == answer, said


def test_reservation_of_a_name_without_address(net: Net) -> None:
    net.lay(make_site("", zone="", site=SITE, hatch="no-ping\n"))
    net.start()
    net.lay(
        make_site(
            f'phone: {{mac: "{MAC}", network: internal, aliases: [mobile]}}\n', zone="", site=SITE, hatch="no-ping\n"
        )
    )
    wait_until(lambda: "reservations.d/internal.conf" in net.log.read_text(), what="the file was seen")
    told = net.lease("chosen")
    assert net.leased_name() == "phone"
    assert net.names("phone.internal.example.org") == told["ip"]
    assert net.names("chosen.internal.example.org") == ""


def test_before_bind_clients_get_names_but_never_one_that_bind_has(net: Net) -> None:
    hosts = "web: {ipv4: 192.168.1.50, aliases: [www]}\nquiet: {ipv4: 192.168.1.51, ptr: no}\n"
    zone = "web: {type: TXT, value: x}\naway: {type: CNAME, value: www.example.net.}\n"
    site = make_site(hosts, zone=zone, site=FORWARD, hatch="no-ping\n")
    # As BIND has it once the daemon has published a name for a lease that dnsmasq has none for.
    rows = [("published.internal.example.org.", 60, "A", f"192.168.1.{number}") for number in range(100, 151)]
    points = [(f"{number}.1.168.192.in-addr.arpa.", 60, "PTR", rows[0][0]) for number in range(100, 151)]
    joined = join(site, {"internal.example.org.": group(rows), "1.168.192.in-addr.arpa.": group(points)})
    net.lay(joined, net.serve_behind(joined))
    static = {"web": "192.168.1.50", "www": "192.168.1.50", "quiet": "192.168.1.51", "away": "www.example.net."}
    for label, answer in (*static.items(), ("wpad", "")):
        net.begin_anew()
        told = net.lease(label)
        name = f"{label}.internal.example.org"
        assert net.names(name) == answer
        assert net.names("-x", told["ip"]) == "published.internal.example.org.", label
    assert net.names("www.internal.example.org", "CNAME") == "web.internal.example.org."
    assert net.names("www.internal.example.org", "TXT") == 'web.internal.example.org.\n"x"'
    assert net.names("-x", "192.168.1.50") == "web.internal.example.org."
    net.begin_anew()
    told = net.lease("laptop")
    assert net.leased_name() == "laptop"
    assert net.names("laptop.internal.example.org") == told["ip"]
    assert net.names("-x", told["ip"]) == "laptop.internal.example.org."


def test_name_that_a_client_has_goes_to_a_host_that_is_called_so_later(net: Net) -> None:
    site = make_site("", zone="", site=FORWARD, hatch="no-ping\n")
    bind = net.serve_behind(site)
    net.lay(site, bind)
    net.start()
    told = net.lease()
    assert net.names("guest-pc.internal.example.org") == told["ip"]
    net.lay(make_site("guest-pc: {ipv4: 192.168.1.50}\n", zone="", site=FORWARD, hatch="no-ping\n"), bind)
    wait_until(lambda: net.names("guest-pc.internal.example.org") == "192.168.1.50", what="the host has its name")
    assert net.names("-x", told["ip"]) == "", "neither dnsmasq nor BIND has one"
