"""Moving in, as docs/moving-in.md goes: a named that was configured by hand, the import, the first push."""

import shutil
import subprocess
from pathlib import Path

import dns.message
import dns.query
import pytest
from clients import missing
from nodes import ENVIRONMENT, Clone, reconciler, status

from reconciler.demo.lan import Lan
from reconciler.demo.pocket import PocketSite

pytestmark = [pytest.mark.net, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

REVERSE = "192-255.100.51.198.in-addr.arpa"
ZONES = f"""\
zone "example.org" {{
	type master;
	file "db.example";
	allow-update {{ none; }};
	allow-transfer {{ 203.0.113.53; 127.0.0.1; }};
	notify yes;
}};
zone "{REVERSE}" {{ type master; file "db.reverse"; allow-transfer {{ any; }}; }};
"""
FILES = {
    "db.example": """\
$TTL 21600
@ IN SOA malaria.example.org. hostmaster.example.org. ( 2024010105 21600 3600 1728000 21600 )
  IN NS malaria.example.org.
  IN MX 10 mail.example.org.
  IN A 198.51.100.236
malaria IN A 198.51.100.253
host193 IN A 198.51.100.193
mail IN A 198.51.100.194
entropy IN A 198.51.100.236
diphtheria IN A 198.51.100.237
www IN CNAME diphtheria
text IN TXT "said by hand"
""",
    "db.reverse": """\
$TTL 21600
@ IN SOA malaria.example.org. hostmaster.example.org. ( 7 21600 3600 1728000 21600 )
  IN NS malaria.example.org.
193 IN PTR host193.example.org.
194 IN PTR mail.example.org.
195 IN PTR example.org.
196 IN PTR entropy.example.com.
""",
}


def zone(node: PocketSite, name: str, *words: str) -> tuple[set[str], int]:
    """All records but the SOA as named transfers them, and the serial. words: further ones for dig."""
    assert node.named
    server = ["@127.0.0.1", "-p", str(node.named.port)]
    argv = ["dig", "+noall", "+answer", "+onesoa", *words, *server, "axfr", name]
    said = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout
    rows = [line.split(None, 4) for line in said.splitlines()]
    (serial,) = [int(row[4].split()[2]) for row in rows if row[3] == "SOA"]
    return {" ".join(row) for row in rows if row[3] != "SOA"}, serial


def rndc(node: PocketSite, *words: str) -> None:
    assert node.named
    argv = ["rndc", "-k", str(node.named.folder / "rndc.key"), "-p", str(node.named.rndc_port), *words]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)


def test_the_small_subnet_moves_in(tmp_path: Path) -> None:
    lan = Lan(tmp_path, {})
    try:
        lan.open()
        with lan.entered():
            move_in(tmp_path)
    finally:
        lan.close()


def move_in(tmp_path: Path) -> None:
    node = PocketSite(tmp_path / "node", dnsmasq=False, settings={"node": "malaria"})
    assert node.named
    for name, text in FILES.items():
        (node.named.folder / "run" / name).write_text(text)
    node.named.extra = ZONES
    node.named.configure()
    state = tmp_path / "network"
    try:
        node.named.start()
        before = {name: zone(node, name) for name in ("example.org", REVERSE)}

        # 1 and 2: import.
        argv = ["import", "-o", str(state), "--site", "small-subnet", "--named", str(node.named.folder / "named.conf")]
        done = subprocess.run(
            [node.command()[0], *argv, "--verify"], capture_output=True, text=True, check=False, env=ENVIRONMENT
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "same      zone example.org." in done.stdout
        assert f"same      zone {REVERSE}." in done.stdout

        # 3: the node.
        text = (state / "site.yaml").read_text() + "nodes:\n  malaria: {address: 198.51.100.253}\n"
        (state / "site.yaml").write_text(text)

        # 4: the program; named has its zones as before.
        made = subprocess.run(node.init_command(), env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout + made.stderr
        node.helper.start()
        node.start_daemon()
        assert zone(node, "example.org") == before["example.org"]

        # 5: hand over.
        node.named.extra = ""
        node.named.configure()
        rndc(node, "reconfig")
        clone = Clone(node, tmp_path / "clone")
        shutil.copytree(state, clone.path, dirs_exist_ok=True)
        said = clone.change({})
        assert "verified against bind" in said

        for name, (records, serial) in before.items():
            now, newer = zone(node, name, "-k", str(node.named.bind / "reconciler.key"))
            assert now == records
            assert newer > serial
        assert status(node)["healthy"], reconciler(node, "status").stdout
        query = dns.message.make_query("www.example.org", "A")
        answer = dns.query.udp(query, "127.0.0.1", port=node.named.port, timeout=30)
        assert [rrset.to_text() for rrset in answer.answer] == [
            "www.example.org. 21600 IN CNAME diphtheria.example.org.",
            "diphtheria.example.org. 21600 IN A 198.51.100.237",
        ]
    finally:
        node.stop()
    assert "Traceback" not in node.log.read_text()
