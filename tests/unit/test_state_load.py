"""A whole state repository: which files count, what is told of all of them, and what is read again."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.state import hosts, masterfile
from reconciler.state import yaml as state_yaml
from reconciler.state.hatches import HatchAllowance
from reconciler.state.load import LoadCache, Loaded, load
from reconciler.state.problem import Position
from reconciler.state.tree import Blob, Tree

SITE = "version: 1\nsite: home\n"

HOME = """\
version: 1
site: home
domain: thesteins.org
nodes:
  lsvm1: {address: 192.168.1.6}
  lsvm2: {address: 192.168.1.7, preferred: true}
networks:
  internal:
    interface: enp2s1
    domain: internal.thesteins.org
    ipv4: 192.168.1.0/24
    ipv6: 2601:40f:4100:13c2::/64
    router: 192.168.1.1
    virtual_ips: [192.168.1.4, "2601:40f:4100:13c2:0:ffff:c0a8:104"]
    dhcp:
      ranges: [192.168.1.100-192.168.1.199]
      lease: 12h
    ipv6_mode: slaac            # off | slaac | stateless | stateful
    lease_names: yes
  guest:
    interface: enp2s1.3
    vlan: 3
    isolated: true
    reverse: no
    ipv4: 192.168.3.0/24
    dhcp:
      ranges: [192.168.3.100-192.168.3.199]
      options: {router: 192.168.3.1, dns-server: 192.168.3.4}
dns:
  clients_ask: dnsmasq
  forwarders: [9.9.9.9, 149.112.112.112]
zones:
  internal.thesteins.org:
    dynamic: yes
    keep: [{name: "_acme-challenge.*", types: TXT}]
wan:
  publish:
    - {protocol: namecheap, domain: thesteins.org, names: ["@", imap], password: {secret: namecheap}}
pair:
  manager: heartbeat
  drbd: {resource: drbd0, mount: /srv/drbd0, disks: {lsvm1: /dev/lsvm1-vg2/drbd0}}
"""

HOSTS = """\
linuxserver: {ipv4: 192.168.1.4, ipv6: "::ffff:c0a8:104"}
printer:
  mac: 52:54:00:12:34:56
  ipv4: 192.168.1.40
  aliases: [print]
nas:
  ipv4: 192.168.1.41
  ipv6: ::41
  ptr: storage
"""


def tree(files: Mapping[str, str]) -> Tree:
    return {path: Blob(str(hash(text)), text.encode()) for path, text in files.items()}


def told(loaded: Loaded) -> list[str]:
    return [str(problem) for problem in loaded.problems]


def test_a_whole_repository() -> None:
    loaded = load(
        tree(
            {
                "site.yaml": HOME,
                "hosts.yaml": HOSTS,
                "hosts/more.yaml": "cam: {ipv4: 192.168.3.9}\n",
                "zones/thesteins.org.yaml": "www: {type: CNAME, value: linuxserver.internal}\n",
                "zones/192%2F26.1.168.192.in-addr.arpa.zone": "193 PTR x.example.org.\n",
                "dnsmasq.d/extra.conf": "log-dhcp\n",
                "bind.d/acl.conf": "acl x { any; };\n",
                "README.md": "\xff",
                "LICENSE": "",
                ".github/workflows/check.yaml": "{",
                ".pre-commit-config.yaml": "{",
                "docs/notes.yaml": "{",
                "zones/.gitkeep": "",
            }
        )
    )
    assert told(loaded) == []
    state = loaded.state
    assert state is not None
    assert state.site.networks["internal"].ipv6 == IPv6Network("2601:40f:4100:13c2::/64")
    assert (state.site.networks["guest"].reverse, state.site.networks["internal"].lease_names) == ("no", True)
    assert [entry.name for entry in state.hosts] == ["linuxserver", "printer", "nas", "cam"]
    printer = state.hosts[1]
    assert (printer.host.mac, printer.host.ipv4) == (["52:54:00:12:34:56"], [IPv4Address("192.168.1.40")])
    assert printer.at() == Position("hosts.yaml", 2, 1)
    assert printer.at("ipv4") == Position("hosts.yaml", 4, 9)
    assert printer.at("aliases", 0) == Position("hosts.yaml", 5, 13)
    assert printer.at("mac", 0) == Position("hosts.yaml", 3, 8)
    assert state.site_locator.at("networks", "guest") == Position("site.yaml", 20, 3)
    assert [file.zone for file in state.zone_files] == ["192/26.1.168.192.in-addr.arpa.", "thesteins.org."]
    assert ([hatch.path for hatch in state.bind_hatches], state.dnsmasq_hatches[0].text) == (
        ["bind.d/acl.conf"],
        "log-dhcp\n",
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("host.yaml", "this file means nothing here; did you mean hosts.yaml?"),
        ("sites.yaml", "this file means nothing here; did you mean site.yaml?"),
        ("hosts.yml", "this file means nothing here; did you mean hosts.yaml?"),
        ("zebra.yaml", "this file means nothing here; known are site.yaml, hosts.yaml and the folders hosts/"),
        ("example.org.yaml", "this file means nothing here; did you mean zones/example.org.yaml?"),
        ("example.org.zone", "this file means nothing here; did you mean zones/example.org.zone?"),
        ("dnsmasq.conf", "this file means nothing here; known are"),
        ("zone/example.org.zone", "folder 'zone' means nothing here; did you mean zones/?"),
        ("dnsmasqd/a.conf", "folder 'dnsmasqd' means nothing here; did you mean dnsmasq.d/?"),
        ("hosts/a.yml", "this file means nothing here; known are hosts/NAME.yaml"),
        ("hosts/sub/a.yaml", "this file means nothing here; known are hosts/NAME.yaml"),
        ("hosts/README.md", "this file means nothing here"),
        ("hosts/.yaml", "this file means nothing here"),
        ("zones/example.org", "this file means nothing here; known are zones/NAME.yaml or zones/NAME.zone"),
        ("zones/a..b.zone", "the file's name is not a zone's: 'a..b' has an empty label"),
        ("zones/a%2f%99.zone", "the file's name is not a zone's"),
        ("bind.d/a.txt", "this file means nothing here; known are bind.d/NAME.conf"),
        ("dnsmasq.d/a.conf~", "this file means nothing here; known are dnsmasq.d/NAME.conf"),
    ],
)
def test_misplaced_files(path: str, message: str) -> None:
    loaded = load(tree({"site.yaml": SITE, path: ""}))
    (problem,) = loaded.problems
    assert loaded.state is None
    assert problem.where == Position(path)
    assert str(problem).startswith(f"{path}:1:1: {message}"), problem


@pytest.mark.parametrize("path", ["hosts.yaml", "zones", "hosts/a.yaml", "README.md", "site.yaml"])
def test_symbolic_links_are_refused(path: str) -> None:
    files = dict(tree({"site.yaml": SITE})) | {path: Blob("x", b"/etc/passwd", symlink=True)}
    loaded = load(files)
    assert told(loaded) == [f"{path}:1:1: a symbolic link is not allowed; put the file itself here"]
    assert loaded.state is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "site.yaml:1:1: site.yaml is missing; create it"),
        ("", "site.yaml:1:1: site.yaml is empty"),
        ("[", "site.yaml:1:1: not valid YAML"),
        (SITE + "zones: {Example.org: {}, example.org.: {}}\n", "site.yaml:3:26: zone 'example.org.' is the same as"),
    ],
)
def test_site_is_needed(text: str | None, message: str) -> None:
    loaded = load(tree({"site.yaml": text} if text is not None else {}))
    (problem,) = told(loaded)
    assert loaded.state is None
    assert problem.startswith(message)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b: {ipv4: 192.0.2.1}\n", "1:1: 'a b' has a blank"),
        ("a_b: {ipv4: 192.0.2.1}\n", "1:1: 'a_b' is not a host name"),
        ("-a: {ipv4: 192.0.2.1}\n", "1:1: '-a' is not a host name"),
        ("'*': {ipv4: 192.0.2.1}\n", "1:1: '*': a host has no wildcard name"),
        ("'*.x': {ipv4: 192.0.2.1}\n", "1:1: '*.x': a host has no wildcard name"),
        ("'@': {ipv4: 192.0.2.1}\n", "1:1: '@' is not a host name"),
        (".: {ipv4: 192.0.2.1}\n", "1:1: '.' is not a host name"),
        ("'': {ipv4: 192.0.2.1}\n", "1:1: a domain name is empty"),
        ("ä: {ipv4: 192.0.2.1}\n", "1:1: 'ä' has letters outside ASCII"),
        (f"{'a' * 64}: {{ipv4: 192.0.2.1}}\n", "1:1: "),
        ("a:\n", "1:1: expected a mapping of keys to values, found nothing"),
        ("a: 192.0.2.1\n", "1:4: expected a mapping of keys to values, found '192.0.2.1'"),
        ("a: {ip: 192.0.2.1}\n", "1:5: unknown key 'ip'; did you mean 'ipv6'?"),
        ("a: {mac: 52:54:00:12:34}\n", "1:10: '52:54:00:12:34' is not a MAC address; write 52:54:00:12:34:56"),
        ("a: {mac: [52:54:00:12:34:56, x]}\n", "1:30: 'x' is not a MAC address"),
        ("a: {ipv4: ::1}\n", "1:11: not valid YAML"),
        ("a:\n  ipv4: ::1\n", "2:9: '::1' is not an IPv4 address"),
        ("a: {ipv4: 192.0.2.1, ipv4: 192.0.2.2}\n", "1:22: key 'ipv4' stands twice"),
        ("a: {ipv4: 192.0.2.1}\na: {ipv4: 192.0.2.2}\n", "2:1: key 'a' stands twice"),
        ("- a\n", "1:1: expected host names with what is known of them, found a list"),
        ("a: &x {ipv4: 192.0.2.1}\nb: *x\n", "1:4: anchor"),
    ],
)
def test_hosts_mistakes(text: str, expected: str) -> None:
    loaded = load(tree({"site.yaml": SITE, "hosts.yaml": text}))
    assert loaded.state is None
    assert told(loaded)[0].startswith(f"hosts.yaml:{expected}"), told(loaded)
    assert len(loaded.problems) == (2 if "*x" in text else 1)


@pytest.mark.parametrize("name", ["a", "A-1", "a.b", "a.example.org.", "1", "010", "no"])
def test_host_names(name: str) -> None:
    loaded = load(tree({"site.yaml": SITE, "hosts.yaml": f"{name}: {{ipv4: 192.0.2.1}}\n"}))
    assert loaded.state is not None
    assert loaded.state.hosts[0].name == name


def test_problems_of_all_files_come_together_and_sorted() -> None:
    loaded = load(
        tree(
            {
                "zones/b.org.zone": "x A y\n\nz FOO\n",
                "zones/a.org.yaml": "x: {type: FOO, value: x}\n",
                "site.yaml": SITE + "x: 1\n",
                "hosts/b.yaml": "a: {mac: x, ttl: x}\n",
                "bind.d/x.conf": "options { };",
                "dnsmasq.d/x.conf": "user=root",
                "typo.yaml": "",
            }
        )
    )
    places = [str(problem.where) for problem in loaded.problems]
    assert places == [
        "bind.d/x.conf:1:1",
        "dnsmasq.d/x.conf:1:1",
        "hosts/b.yaml:1:10",
        "hosts/b.yaml:1:18",
        "site.yaml:3:1",
        "typo.yaml:1:1",
        "zones/a.org.yaml:1:11",
        "zones/b.org.zone:1:5",
        "zones/b.org.zone:3:3",
    ]


def test_a_warning_alone_keeps_the_state() -> None:
    zone = "x: {type: A, value: 192.0.2.1, octodns: {}}\n"
    loaded = load(tree({"site.yaml": SITE, "zones/a.org.yaml": zone}))
    assert loaded.state is not None
    assert len(loaded.problems) == 1


def test_only_changed_files_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real_yaml, real_zone = state_yaml.read, masterfile.read
    monkeypatch.setattr(state_yaml, "read", lambda path, *a, **k: (read.append(path), real_yaml(path, *a, **k))[1])
    monkeypatch.setattr(masterfile, "read", lambda path, *a: (read.append(path), real_zone(path, *a))[1])
    files = {"site.yaml": SITE, "zones/a.org.zone": "x A 192.0.2.1\n"}
    files |= {f"hosts/{n}.yaml": f"h{n}: {{ipv4: 192.0.2.{n}}}\n" for n in range(5)}
    cache = LoadCache()
    first = load(tree(files), cache=cache)
    assert len(read) == 7
    read.clear()
    assert load(tree(files), cache=cache) == first
    assert read == []
    second = load(tree(files | {"hosts/3.yaml": "h3: {ipv4: 192.0.2.33}\n"}), cache=cache)
    assert read == ["hosts/3.yaml"]
    assert second.state is not None
    assert first.state is not None
    assert second.state.hosts[3] != first.state.hosts[3]
    assert hosts.LIMIT > state_yaml.LIMIT


def test_the_cache_knows_paths_and_allowances() -> None:
    cache = LoadCache()
    text = "user=root\n"
    same = {"site.yaml": Blob("1", SITE.encode()), "dnsmasq.d/a.conf": Blob("2", text.encode())}
    assert load(same, cache=cache).state is None
    assert load(same, cache=cache, allow=HatchAllowance(dnsmasq=frozenset({"user"}))).state is not None
    assert load(same, cache=cache).state is None
    moved = {"site.yaml": Blob("1", SITE.encode()), "dnsmasq.d/b.conf": Blob("2", text.encode())}
    assert str(load(moved, cache=cache).problems[0].where) == "dnsmasq.d/b.conf:1:1"


def test_the_cache_forgets_what_is_no_longer_used() -> None:
    cache = LoadCache(keep=2)
    for number in range(20):
        load({"site.yaml": Blob(str(number), SITE.encode())}, cache=cache)
    assert len(cache._results) <= 3


PATHS = st.sampled_from(
    [
        "site.yaml",
        "hosts.yaml",
        "hosts/a.yaml",
        "zones/a.org.yaml",
        "zones/a.org.zone",
        "bind.d/a.conf",
        "dnsmasq.d/a.conf",
    ]
) | st.text(max_size=12)


@given(st.dictionaries(PATHS, st.binary(max_size=60) | st.sampled_from([SITE.encode(), HOSTS.encode()])))
def test_junk_never_raises(files: dict[str, bytes]) -> None:
    loaded = load({path: Blob(f"{path}{data!r}", data) for path, data in files.items()})
    assert (loaded.state is None) == any(problem.severity == 2 for problem in loaded.problems)
    assert list(loaded.problems) == sorted(loaded.problems)
