"""Moving in, whole: files as an admin has them, `reconciler import`, a node that serves it, every name asked."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import pytest
from nodes import ENVIRONMENT, Clone, ask
from servers import free_port, wait_until

from reconciler.config import DnsmasqSettings
from reconciler.demo.pocket import PocketSite
from reconciler.importing.proof import site_of
from reconciler.services.dnsmasq.render import render

HOME = {
    "etc/dnsmasq.conf": """\
# Two VLANs, as at home.
port=53
domain-needed
bogus-priv
no-resolv
server=127.0.0.99
interface=enp2s1
interface=enp2s1.3
no-hosts
addn-hosts=/srv/banner_add_hosts
expand-hosts
domain=internal.thesteins.org,192.168.1.0/24,local
domain=guest.thesteins.org,192.168.3.0/24
dhcp-range=enp2s1,192.168.1.100,192.168.1.199,255.255.255.0,12h
dhcp-range=set:guest,192.168.3.100,192.168.3.199,255.255.255.0,2h
# Static IPv4 IPs based on MAC address.
dhcp-host=52:54:00:12:34:56,192.168.1.40,printer
dhcp-host=52:54:00:12:34:59,camera
dhcp-host=id:01:02:03:04,192.168.1.50,box
dhcp-host=11:22:33:*:*:*,ignore
dhcp-host=52:54:00:aa:aa:aa,set:iot,192.168.1.60,lamp
dhcp-option=tag:iot,option:dns-server,192.168.1.1
dhcp-option=vendor:PXEClient,6,2b
dhcp-option=252,"http://wpad.example.org/wpad.dat, x"
dhcp-ignore=tag:guest,tag:!known
dhcp-boot=pxelinux.0,server,192.168.1.4
dhcp-option=tag:enp2s1,option:router,192.168.1.1
dhcp-option=tag:enp2s1,option:dns-server,192.168.1.4
# Just send VLAN3 to the router for DHCP and DNS - guest access
dhcp-option=tag:guest,option:router,192.168.3.1
dhcp-option=tag:guest,option:dns-server,192.168.3.1
dhcp-authoritative
dhcp-leasefile=/srv/dnsmasq.leases
cname=www.internal.thesteins.org,linuxserver.internal.thesteins.org
mx-host=internal.thesteins.org,linuxserver.internal.thesteins.org,10
txt-record=internal.thesteins.org,"v=spf1 a -all, really"
srv-host=_ldap._tcp.internal.thesteins.org,linuxserver.internal.thesteins.org,389
address=/ads.example.com/192.0.2.1
host-record=nas.internal.thesteins.org,192.168.1.70,2601:40f:4100:13c2::70
cache-size=1000
tftp-root=/srv/tftp
""",
    "srv/banner_add_hosts": """\
192.168.1.1 rtbr1
192.168.1.4 linuxserver
2601:40f:4100:13c2:0:ffff:c0a8:104 linuxserver
192.168.1.6 lsvm1
2601:40f:4100:13c2:215:5dff:fe01:207 lsvm1
192.168.1.7 lsvm2 backup
192.168.3.1 rtbr1.guest.thesteins.org
192.168.3.4 linuxserver.guest.thesteins.org
203.0.113.9 far.example.net
""",
    "srv/dnsmasq.leases": "1790000000 52:54:00:12:34:59 192.168.1.120 camera *\n",
    "etc/ddclient.conf": "use=web, web=dynamicdns.park-your-domain.com/getip\nprotocol=namecheap, \\\n"
    "login=thesteins.org, \\\npassword='s3cret' \\\n@, imap\n",
}

SMALL = {
    "etc/bind/named.conf": """\
options { directory "/etc/bind"; allow-transfer { 203.0.113.53; }; };
key upd { algorithm hmac-sha256; secret "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="; };
zone "example.org" { type master; file "example.org.zone"; };
zone "192-255.100.51.198.in-addr.arpa" { type master; file "rev.zone"; };
zone "dyn.example.org" { type master; file "dyn.zone"; update-policy { grant upd name x.dyn.example.org. TXT; }; };
""",
    "etc/bind/example.org.zone": """\
$TTL 21600
@   IN SOA malaria hostmaster ( 2024010105 21600 3600 1728000 21600 )
    IN NS  malaria
    IN MX  10 engram
    IN A   198.51.100.236
malaria IN A 198.51.100.193
engram IN A 198.51.100.194
engram IN TXT "a mail host"
diphtheria IN A 198.51.100.237
www IN CNAME diphtheria
ftp 300 IN CNAME diphtheria
rr IN A 198.51.100.193
rr IN A 198.51.100.194
quiet IN A 198.51.100.203
other IN A 198.51.100.204
*.wild IN A 198.51.100.205
dyn IN NS malaria
_sip._udp IN SRV 1 2 5060 engram
$GENERATE 210-212 gen$ A 198.51.100.$
""",
    "etc/bind/rev.zone": """\
$TTL 21600
@   IN SOA malaria.example.org. hostmaster.example.org. ( 2024010105 21600 3600 1728000 21600 )
    IN NS  malaria.example.org.
193 IN PTR malaria.example.org.
194 IN PTR engram.example.org.
237 IN PTR diphtheria.example.org.
204 IN PTR www.example.org.
236 IN PTR example.org.
$GENERATE 210-212 $ PTR gen$.example.org.
""",
    "etc/bind/dyn.zone": """\
$TTL 300
@   IN SOA malaria.example.org. hostmaster.example.org. ( 3 21600 3600 1728000 300 )
    IN NS  malaria.example.org.
box IN A 10.5.5.5
""",
}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return tmp_path / "machine"


def lay_out(machine: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = machine / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def run_import(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "reconciler"
    return subprocess.run(
        [str(program), "import", *arguments],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def move_in(machine: Path, tmp_path: Path) -> tuple[Path, str]:
    """Import with proof; returns the state and what was said."""
    state = tmp_path / "moved"
    done = run_import("-o", str(state), "--root", str(machine), "--secrets", str(tmp_path / "secrets"), "--verify")
    assert done.returncode == 0, done.stdout
    return state, done.stdout


def serve(node: PocketSite, state: Path, tmp_path: Path) -> None:
    """Set the node up and push the imported state to it."""
    made = subprocess.run(node.init_command(), env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    for secret in (tmp_path / "secrets").glob("*"):
        (node.folder / "secrets").mkdir(exist_ok=True)
        shutil.copy(secret, node.folder / "secrets" / secret.name)
    node.start()
    clone = Clone(node, node.folder / "clone")
    shutil.copytree(state, clone.path, dirs_exist_ok=True)
    clone.commit({}, "move in")
    said = clone.push()
    assert said.returncode == 0, said.stdout + node.log.read_text()
    assert "applied" in said.stdout, said.stdout


class OldDnsmasq:
    """The admin's dnsmasq, unprivileged: its DHCP lines are left out, as it could not start with them."""

    def __init__(self, machine: Path, folder: Path) -> None:
        self.port = free_port()
        lines = (machine / "etc/dnsmasq.conf").read_text().splitlines()
        unwanted = ("dhcp-", "port=", "interface=", "tftp-")
        kept = [line.replace("/srv/", f"{machine}/srv/") for line in lines if not line.startswith(unwanted)]
        conf = folder / "old.conf"
        conf.write_text("\n".join([*kept, f"port={self.port}", "listen-address=127.0.0.1", "bind-interfaces", ""]))
        self._process = subprocess.Popen(["dnsmasq", "-k", "-C", str(conf), "--pid-file", "-u", "root"])
        try:
            wait_until(self._answers, what="the old dnsmasq answers")
        except BaseException:
            self.stop()
            raise

    def _answers(self) -> bool:
        assert self._process.poll() is None, "the old dnsmasq has ended"
        question = dns.message.make_query("nas.internal.thesteins.org", "A")
        try:
            return bool(dns.query.udp(question, "127.0.0.1", port=self.port, timeout=0.5).answer)
        except (OSError, dns.exception.DNSException):
            return False

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


QUESTIONS = [
    *((f"{name}.internal.thesteins.org", "A") for name in "rtbr1 linuxserver lsvm1 lsvm2 backup nas www".split()),  # noqa: SIM905
    ("nas.internal.thesteins.org", "AAAA"),
    *((f"{name}.guest.thesteins.org", "A") for name in ("rtbr1", "linuxserver")),
    *((f"{octet}.1.168.192.in-addr.arpa", "PTR") for octet in (1, 4, 6, 7, 70)),
    ("4.3.168.192.in-addr.arpa", "PTR"),
    ("internal.thesteins.org", "MX"),
    ("internal.thesteins.org", "TXT"),
    ("_ldap._tcp.internal.thesteins.org", "SRV"),
    ("ads.example.com", "A"),
    ("x.ads.example.com", "A"),
    ("far.example.net", "A"),
]


def addresses(port: int, name: str, rtype: str) -> list[str]:
    """What clients get in the end: an alias may be a name of its own in one of the two."""
    found = ask(port, name, rtype)
    return [text for text in found if not text.endswith(".thesteins.org.")] if rtype in ("A", "AAAA") else found


def test_home_moves_from_dnsmasq(machine: Path, tmp_path: Path) -> None:
    lay_out(machine, HOME)
    state, said = move_in(machine, tmp_path)
    assert "same      dnsmasq's 12 names and addresses" in said
    assert "tftp-root" in said
    assert "s3cret" not in said
    assert not any(b"s3cret" in path.read_bytes() for path in state.rglob("*") if path.is_file())
    # The public address is for the machine that has one.
    site = state / "site.yaml"
    site.write_text(site.read_text().partition("\nwan:")[0] + "\n")
    (tmp_path / "node").mkdir()
    node = PocketSite(tmp_path / "node", bind=False)
    old = OldDnsmasq(machine, tmp_path)
    try:
        serve(node, state, tmp_path)
        assert node.dnsmasq is not None
        for name, rtype in QUESTIONS:
            before = addresses(old.port, name, rtype)
            assert before, f"the old server has no {name} {rtype}"
            assert addresses(node.dnsmasq.port, name, rtype) == before, (name, rtype)
        for name in ("linuxserver", "lsvm1"):  # `domain=` with an IPv4 prefix does not complete IPv6 names.
            before = ask(old.port, name, "AAAA")
            assert ask(node.dnsmasq.port, f"{name}.internal.thesteins.org", "AAAA") == before != []
    finally:
        node.stop()
        old.stop()


def test_dnsmasq_takes_the_dhcp_part(machine: Path, tmp_path: Path) -> None:
    """The node of the other test gives out no addresses; here dnsmasq's own checker reads what one would that does."""
    lay_out(machine, HOME)
    state, _ = move_in(machine, tmp_path)
    folder = tmp_path / "dnsmasq"
    made = render(site_of(state), DnsmasqSettings(directory=folder), None)
    assert made.complaints == ()
    for name, file in made.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(file.content)
    checked = subprocess.run(
        ["dnsmasq", "--test", "-C", str(folder / "dnsmasq.conf")], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    conf = (folder / "dnsmasq.conf").read_text().splitlines()
    assert "dhcp-range=set:net-internal,192.168.1.100,192.168.1.199,255.255.255.0,43200" in conf
    assert "dhcp-option=tag:net-guest,option:router,192.168.3.1" in conf
    assert "dhcp-ignore=tag:net-guest,tag:!known" in conf
    reserved = (folder / "reservations.d/internal.conf").read_text()
    assert "52:54:00:12:34:56,192.168.1.40,printer.internal.thesteins.org\n" in reserved


def test_small_subnet_moves_from_bind(machine: Path, tmp_path: Path) -> None:
    lay_out(machine, SMALL)
    state, said = move_in(machine, tmp_path)
    assert said.count("same      zone") == 3
    hosts = (state / "hosts.yaml").read_text()
    assert "malaria: {ipv4: 198.51.100.193}" in hosts
    assert "diphtheria:\n  ipv4: 198.51.100.237\n  aliases: [www]" in hosts
    (tmp_path / "node").mkdir()
    node = PocketSite(tmp_path / "node", dnsmasq=False)
    try:
        serve(node, state, tmp_path)
        assert node.named is not None
        for zone in ("example.org", "192-255.100.51.198.in-addr.arpa", "dyn.example.org"):
            # Of a zone of its own the server gives the NS records that stand in it, not those above.
            before = {line for line in compiled(machine, zone) if not (cut(line) and zone == "example.org")}
            questions = {(line.split()[0], line.split()[3]) for line in before}
            assert served(node.named.port, questions) == before, zone
    finally:
        node.stop()


FILES = {
    "example.org": "example.org.zone",
    "192-255.100.51.198.in-addr.arpa": "rev.zone",
    "dyn.example.org": "dyn.zone",
}


def compiled(machine: Path, zone: str) -> set[str]:
    """The records of the old master file but the SOA, by BIND's own program."""
    made = subprocess.run(
        ["named-compilezone", "-q", "-s", "full", "-o", "-", zone, str(machine / "etc/bind" / FILES[zone])],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    rows = (line.split(None, 4) for line in made.stdout.splitlines())
    return {" ".join(row) for row in rows if row[3] != "SOA"}


def cut(line: str) -> bool:
    return line.startswith("dyn.example.org. ") and " IN NS " in line


def served(port: int, questions: set[tuple[str, str]]) -> set[str]:
    """What a server on loopback answers with, in the same form."""
    found: set[str] = set()
    for owner, rtype in questions:
        answer = dns.query.tcp(dns.message.make_query(owner, rtype), "127.0.0.1", port=port, timeout=15)
        # Below a delegation the records are in the other sections.
        for rrset in (*answer.answer, *answer.authority, *answer.additional):
            if (str(rrset.name), dns.rdatatype.to_text(rrset.rdtype)) == (owner, rtype):
                found |= {f"{owner} {rrset.ttl} IN {rtype} {rdata.to_text()}" for rdata in rrset}
    return found


def test_a_folder_that_has_a_state_is_compared_and_not_written(machine: Path, tmp_path: Path) -> None:
    lay_out(machine, SMALL)
    state, _ = move_in(machine, tmp_path)
    again = run_import("-o", str(state), "--root", str(machine), "--verify", "--json")
    assert again.returncode == 0, again.stdout
    hosts = state / "hosts.yaml"
    hosts.write_text(hosts.read_text().replace("198.51.100.194", "198.51.100.199"))
    changed = run_import("-o", str(state), "--root", str(machine), "--verify")
    assert changed.returncode == 1
    assert "differs   zone example.org." in changed.stdout
    assert "- engram.example.org. 21600 IN A 198.51.100.194" in changed.stdout
    refused = run_import("-o", str(state), "--root", str(machine))
    assert refused.returncode == 1
    assert "not an empty folder" in refused.stdout


def test_a_name_of_dnsmasq_that_is_lost_is_told(machine: Path, tmp_path: Path) -> None:
    lay_out(machine, HOME)
    state, _ = move_in(machine, tmp_path)
    hosts = state / "hosts.yaml"
    hosts.write_text(hosts.read_text().replace("192.168.1.70", "192.168.1.71").replace("  aliases: [backup]\n", ""))
    changed = run_import("-o", str(state), "--root", str(machine), "--verify")
    assert changed.returncode == 1
    assert "- nas.internal.thesteins.org. 192.168.1.70" in changed.stdout
    assert "- backup.internal.thesteins.org. 192.168.1.7" in changed.stdout


def test_nothing_is_written_where_a_file_is_broken(machine: Path, tmp_path: Path) -> None:
    lay_out(machine, {"etc/dnsmasq.conf": "domain=x.example\n", "etc/bind/named.conf": "options {\n"})
    done = run_import("-o", str(tmp_path / "moved"), "--root", str(machine))
    assert done.returncode == 1
    assert "named.conf" in done.stdout
    assert "Traceback" not in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["machine"]


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_before_each_rename_a_state_is_there_whole_or_not_at_all(
    machine: Path, tmp_path: Path, number: int
) -> None:
    lay_out(machine, SMALL)
    calls = "rename,renameat,renameat2,link,linkat"
    kill = [
        "strace",
        "-f",
        "-o",
        "/dev/null",
        "-e",
        f"trace={calls}",
        "-e",
        f"inject={calls}:signal=KILL:when={number}",
    ]
    program = str(Path(sys.executable).parent / "reconciler")
    arguments = ["import", "--root", str(machine), "-o", "network", "--secrets", "secrets"]
    subprocess.run([*kill, program, *arguments], cwd=tmp_path, capture_output=True, check=False, env=ENVIRONMENT)
    state = tmp_path / "network"
    if state.exists():
        checked = subprocess.run([program, "check", str(state)], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
    for secret in (tmp_path / "secrets").glob("[!.]*"):
        assert secret.read_text().strip() == "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="
    # What was left hinders nobody.
    if not state.exists():
        again = subprocess.run([program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert again.returncode == 0, again.stdout + again.stderr


def test_json_is_for_programs(machine: Path, tmp_path: Path) -> None:
    lay_out(machine, HOME)
    program = Path(sys.executable).parent / "reconciler"
    made = subprocess.run(
        [str(program), "import", "-o", str(tmp_path / "moved"), "--root", str(machine), "--json"],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=True,
    )
    document = json.loads(made.stdout)
    assert document["counts"]["hosts"] == 9
    assert {line["fate"] for line in document["lines"]} == {"taken", "hatch", "left"}
    assert "s3cret" not in made.stdout
