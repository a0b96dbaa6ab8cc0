"""State repositories for tests, from texts."""

import re
from collections import defaultdict
from collections.abc import Mapping
from hashlib import sha1
from pathlib import Path

from reconciler.build import Built, build
from reconciler.dns.records import RRset
from reconciler.state.load import load
from reconciler.state.tree import Blob, Tree

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def tree_of(files: Mapping[str, str]) -> Tree:
    return {
        path: Blob(sha1(text.encode(), usedforsecurity=False).hexdigest(), text.encode())
        for path, text in files.items()
    }


def folder(path: Path) -> dict[str, str]:
    return {str(file.relative_to(path)): file.read_text() for file in sorted(path.rglob("*")) if file.is_file()}


def documented() -> dict[str, dict[str, str]]:
    """The examples of docs/state.md: files by path, by name of the site that they belong to."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for fence in FENCE.finditer((ROOT / "docs/state.md").read_text()):
        kind, _, name = fence["info"].partition(" ")
        if kind in ("yaml", "dns", "conf"):
            assert name, f"an example without the name of its file: {fence['body'][:60]!r}"
            site, _, path = name.partition("/")
            assert path not in found[site], f"{name} stands twice"
            found[site][path] = fence["body"]
    return found


def built(files: Mapping[str, str]) -> Built:
    """Load and build; the tree must load without problems."""
    loaded = load(tree_of(files))
    assert loaded.state is not None, [str(problem) for problem in loaded.problems]
    assert not loaded.problems, [str(problem) for problem in loaded.problems]
    return build(loaded.state)


def rrset(result: Built, zone: str, owner: str, rtype: str) -> RRset | None:
    assert result.site is not None, [str(problem) for problem in result.problems]
    return result.site.zones[zone].zone.rrsets.get((owner, rtype))


SITE = """\
version: 1
site: test
nodes:
  node1: {address: 192.168.1.6}
networks:
  lan:
    interface: eth0
    domain: lan.example.org
    ipv4: 192.168.1.0/24
    ipv6: 2001:db8:0:1::/64
    router: 192.168.1.1
    virtual_ips: 192.168.1.4
    dhcp:
      ranges:
        - 192.168.1.100-192.168.1.199
  guest:
    interface: eth1
    domain: guest.example.org
    ipv4: 192.168.3.0/24
    dhcp:
      ranges:
        - 192.168.3.100-192.168.3.199
dns:
  authoritative: bind
  nameservers: ns.example.net
"""

HOSTS = """\
printer:
  mac: 52:54:00:12:34:56
  ipv4: 192.168.1.40
  aliases:
    - print
nas:
  ipv4: 192.168.1.41
  ipv6: ::41
"""

ZONE = """\
$TTL 3600
@    IN NS    ns
ns   IN A     192.168.1.6
mail IN A     203.0.113.7
www  IN CNAME mail
@    IN MX    10 mail
"""

FILES = {"site.yaml": SITE, "hosts.yaml": HOSTS, "zones/example.com.zone": ZONE}
"""A site without any problem."""
