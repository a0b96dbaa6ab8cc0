"""dnsmasq's own files as values: each form of each directive, and what becomes of each line."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

import pytest

from reconciler.errors import Refused
from reconciler.importing.dnsmasq import ranges, reservations, syntax
from reconciler.importing.dnsmasq.read import read_dnsmasq
from reconciler.importing.dnsmasq.syntax import BadLine, Statement
from reconciler.importing.found import Fate, FoundDhcp, FoundOption


def statement(text: str) -> Statement:
    made = syntax.parse("dnsmasq.conf", 1, text)
    assert made is not None
    return made


def read(root: Path, conf: str, **files: str) -> FoundDhcp:
    """`files`: by path with __ for /."""
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/dnsmasq.conf").write_bytes(conf.encode("latin-1"))
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_dnsmasq("/etc/dnsmasq.conf", root=root)


def fates(found: FoundDhcp) -> dict[str, str]:
    return {line.text: line.fate for line in found.lines}


@pytest.mark.parametrize(
    ("line", "key", "parts"),
    [
        ("dhcp-host = a , b  # end", "dhcp-host", ["a", "b"]),
        ('txt-record=x,"a,b#c"', "txt-record", ["x", "a,b#c"]),
        ('txt-record=x,"a\\"b"', "txt-record", ["x", 'a"b']),
        ("address=/a#b/1.2.3.4", "address", ["/a#b/1.2.3.4"]),
        ("\tdomain-needed", "domain-needed", [""]),
    ],
)
def test_a_line_is_taken_apart_as_dnsmasq_does(line: str, key: str, parts: list[str]) -> None:
    made = statement(line)
    assert made.key == key
    assert [syntax.plain(part) for part in syntax.split(made.value)] == parts


def test_a_quote_that_is_not_closed_means_nothing() -> None:
    with pytest.raises(BadLine, match="quote"):
        syntax.parse("x", 1, 'txt-record=x,"a')


@pytest.mark.parametrize(
    ("value", "macs", "name", "addresses", "lease", "reason"),
    [
        ("52:54:00:12:34:56,192.168.1.40,printer", 1, "printer", ["192.168.1.40"], None, ""),
        ("printer,52:54:0:12:34:56,192.168.1.40,12h", 1, "printer", ["192.168.1.40"], 43200, ""),
        ("52:54:00:12:34:56,52:54:00:12:34:57,nas,infinite", 2, "nas", [], syntax.INFINITE, ""),
        ("52:54:00:12:34:56,192.168.1.40,[fd00::40],nas", 1, "nas", ["192.168.1.40", "fd00::40"], None, ""),
        ("52:54:00:12:34:56,[::42],nas.example.org", 1, "nas.example.org", ["::42"], None, ""),
        ("11:22:33:*:*:*,ignore", 0, "", [], None, "wildcards"),
        ("id:01:02:03:04,192.168.1.50", 0, "", ["192.168.1.50"], None, "client identifier"),
        ("id:*,52:54:00:12:34:56,box", 1, "box", [], None, "client identifier"),
        ("52:54:00:12:34:56,set:iot,lamp", 1, "lamp", [], None, "sets the tag iot"),
        ("52:54:00:12:34:56,net:iot,lamp", 1, "lamp", [], None, "sets the tag iot"),
        ("tag:known,52:54:00:12:34:56,lamp", 1, "lamp", [], None, "with the tag known only"),
        ("06-00:20:e0:3b:13:af,192.168.1.1", 0, "", ["192.168.1.1"], None, "other than Ethernet"),
        ("52:54:00:12:34:56,[fd00::/96],box", 1, "box", [], None, "a prefix"),
        ("lap,192.168.0.199", 0, "lap", ["192.168.0.199"], None, "by its name alone"),
        ("52:54:00:12:34:56,3600", 1, "", [], 3600, ""),
    ],
)
def test_every_form_of_dhcp_host(
    value: str, macs: int, name: str, addresses: list[str], lease: int | None, reason: str
) -> None:
    found = reservations.parse(statement(f"dhcp-host={value}"))
    assert (len(found.macs), found.name, [str(item) for item in found.addresses]) == (macs, name, addresses)
    assert found.lease == lease
    assert reason in found.reason
    assert found.plain == (reason == "")


@pytest.mark.parametrize("value", ["", "52:54:00:12:34:zz", "bad_name!,52:54:00:12:34:56", "[fd00::x],a"])
def test_a_dhcp_host_that_means_nothing(value: str) -> None:
    with pytest.raises(BadLine):
        reservations.parse(statement(f"dhcp-host={value}"))


@pytest.mark.parametrize(
    ("value", "first", "last", "prefix", "lease", "tag", "mode"),
    [
        ("192.168.0.50,192.168.0.150,12h", "192.168.0.50", "192.168.0.150", None, 43200, "", ""),
        ("192.168.0.150,192.168.0.50", "192.168.0.50", "192.168.0.150", None, None, "", ""),
        ("red,10.0.0.5,10.0.0.9,255.255.0.0,1h", "10.0.0.5", "10.0.0.9", "10.0.0.0/16", 3600, "red", ""),
        ("set:red,10.0.0.5,static,255.255.255.0,10.0.0.255,infinite", "10.0.0.5", "10.0.0.5", "10.0.0.0/24",
         syntax.INFINITE, "red", "static"),
        ("10.0.0.0,proxy", "10.0.0.0", "10.0.0.0", None, None, "", "proxy"),
        ("2001:db8::2,2001:db8::500,64,1d", "2001:db8::2", "2001:db8::500", "2001:db8::/64", 86400, "", ""),
        ("2001:db8::,ra-only", "2001:db8::", "2001:db8::", "2001:db8::/64", None, "", "ra-only"),
        ("::,constructor:eth0,ra-stateless,ra-names", "::", "::", None, None, "", "ra-stateless,ra-names"),
        ("set:g,::100,::1ff,constructor:eth0,slaac,64,1h", "::100", "::1ff", None, 3600, "g", "slaac"),
    ],
)  # fmt: skip
def test_every_form_of_dhcp_range(
    value: str, first: str, last: str, prefix: str | None, lease: int | None, tag: str, mode: str
) -> None:
    found = ranges.parse_range(statement(f"dhcp-range={value}"))
    assert (str(found.first), str(found.last)) == (first, last)
    assert (str(found.prefix) if found.prefix else None) == prefix
    assert (found.lease, found.tag, found.mode) == (lease, tag, mode)


def test_a_range_for_a_tag_cannot_be_said() -> None:
    with pytest.raises(BadLine, match="certain tag"):
        ranges.parse_range(statement("dhcp-range=tag:red,10.0.0.5,10.0.0.9"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("3,192.168.1.1", ("router", ("192.168.1.1",), "", 4)),
        ("option:router", ("router", (), "", 4)),
        ("tag:guest,option:dns-server,9.9.9.9,8.8.8.8", ("dns-server", ("9.9.9.9", "8.8.8.8"), "guest", 4)),
        ("option6:dns-server,[fd00::1],[::]", ("dns-server", ("fd00::1", "::"), "", 6)),
        ("option6:23,[fd00::1]", ("dns-server", ("fd00::1",), "", 6)),
        ("252,http://wpad/x", ("252", ("http://wpad/x",), "", 4)),
        ("tag:a,tag:b,3,1.2.3.4", None),
        ("tag:!known,3,1.2.3.4", None),
        ("vendor:PXEClient,6,2b", None),
        ("encap:175,190,pass", None),
        ('option:domain-name,"a,b"', None),
        ("option6:bootfile-url,tftp://x", None),
        ("6", None),
    ],
)
def test_options_that_the_state_can_say(value: str, expected: tuple[object, ...] | None) -> None:
    found = ranges.parse_option(statement(f"dhcp-option={value}"))
    assert (found and (found.name, found.values, found.tag, found.version)) == expected


def test_everything_that_a_conf_leads_to(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "conf-dir=/etc/d,*.conf\nconf-dir=/etc/e,.bak\naddn-hosts=/etc/more\nhostsdir=/etc/h\nread-ethers\n"
        "dhcp-hostsfile=/etc/dh\ndhcp-optsfile=/etc/do\ndhcp-leasefile=/etc/leases\n",
        etc__d__a__conf="",
        **{
            "etc__d__one.conf": "server=9.9.9.9\n",
            "etc__d__two.txt": "server=1.1.1.1\n",
            "etc__d__.hidden.conf": "server=1.1.1.2\n",
            "etc__e__x": "server=8.8.8.8\n",
            "etc__e__y.bak": "server=1.1.1.3\n",
            "etc__more": "192.168.1.5 five cinq # c\n",
            "etc__h__z": "192.168.1.6 six\n",
            "etc__hosts": "127.0.0.1 localhost\n192.168.1.7 seven\nff02::1 ip6-allnodes\n",
            "etc__ethers": "52:54:00:12:34:56 five\n52:54:00:12:34:57 192.168.1.8\nnonsense\n",
            "etc__dh": "52:54:00:12:34:58,192.168.1.9,nine\n",
            "etc__do": "option:ntp-server,192.168.1.1\n",
            "etc__leases": "1790000000 52:54:00:12:34:59 192.168.1.120 cam *\n",
        },
    )
    assert [str(item) for item in found.forwarders] == ["9.9.9.9", "8.8.8.8"]
    assert [(item.name, str(item.address), item.aliases) for item in found.names] == [
        ("seven", "192.168.1.7", ()),
        ("five", "192.168.1.5", ("cinq",)),
        ("six", "192.168.1.6", ()),
    ]
    assert [(item.macs, item.name) for item in found.reservations] == [
        (("52:54:00:12:34:58",), "nine"),
        (("52:54:00:12:34:56",), "five"),
        (("52:54:00:12:34:57",), ""),
    ]
    assert found.options == (FoundOption("ntp-server", ("192.168.1.1",), "", 4, "/etc/do", 1),)
    assert found.raw["/etc/dh", 1] == "dhcp-host=52:54:00:12:34:58,192.168.1.9,nine"
    assert found.raw["/etc/ethers", 2] == "dhcp-host=52:54:00:12:34:57,192.168.1.8"
    assert [lease.name for lease in found.leases] == ["cam"]
    notes = {(line.path, line.number): line.note for line in found.lines}
    assert "reads the same file on" in notes["/etc/leases", 1]
    assert "own name" in notes["/etc/hosts", 1]
    assert "neither" in notes["/etc/ethers", 3] or "not a MAC" in notes["/etc/ethers", 3]


def test_settings_and_what_is_left(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "domain=example.org\ndomain=guest.example.org,192.168.3.0/24\nlocal=/lan/\nserver=/corp/10.0.0.1\n"
        "interface=eth0,eth1\nlisten-address=127.0.0.1,192.168.1.4\nlocal-ttl=60\nneg-ttl=5\nno-hosts\n"
        "ra-param=eth0,0,0\ncache-size=10\ntftp-root=/x\nsurprise=1\nuser=x\nport=0\ncaf\xe9=1\n",
    )
    assert found.domains == {None: "example.org.", IPv4Network("192.168.3.0/24"): "guest.example.org."}
    assert list(found.local) == ["lan."]
    assert found.interfaces == ("eth0", "eth1")
    assert found.listen == (IPv4Address("192.168.1.4"),)
    assert (found.ttl, found.negative_ttl, found.dns, found.no_router) == (60, 5, False, ("eth0",))
    said = fates(found)
    assert said["server=/corp/10.0.0.1"] == said["cache-size=10"] == Fate.HATCH
    assert said["tftp-root=/x"] == said["surprise=1"] == said["user=x"] == Fate.LEFT
    assert any("Latin-1" in line.note for line in found.lines)
    assert len(found.lines) == 17


def test_records(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "no-hosts\ncname=a.example.org,b.example.org\ncname=c.example.org,d.example.org,b.example.org,60\n"
        "mx-host=example.org,mail.example.org,10\nsrv-host=_ldap._tcp.example.org,b.example.org,389,1,2\n"
        'txt-record=example.org,"a, b",c\nptr-record=4.1.168.192.in-addr.arpa,b.example.org\n'
        'naptr-record=example.org,10,20,"u","E2U+sip","!^.*$!sip:x@example.org!"\n'
        "caa-record=example.org,0,issue,ca.example.net\ndns-rr=example.org,65280,01:23:45\n"
        "host-record=h,h.example.org,192.168.1.4,fd00::4,60\n",
    )
    assert [(item.owner, item.ttl, item.rtype, item.rdata) for item in found.records] == [
        ("a.example.org.", -1, "CNAME", "b.example.org."),
        ("c.example.org.", 60, "CNAME", "b.example.org."),
        ("d.example.org.", 60, "CNAME", "b.example.org."),
        ("example.org.", -1, "MX", "10 mail.example.org."),
        ("_ldap._tcp.example.org.", -1, "SRV", "1 2 389 b.example.org."),
        ("example.org.", -1, "TXT", '"a, b" "c"'),
        ("4.1.168.192.in-addr.arpa.", -1, "PTR", "b.example.org."),
        ("example.org.", -1, "NAPTR", '10 20 "u" "E2U+sip" "!^.*$!sip:x@example.org!" .'),
        ("example.org.", -1, "CAA", '0 issue "ca.example.net"'),
        ("example.org.", -1, "TYPE65280", "\\# 3 012345"),
    ]
    assert [(item.name, item.address, item.aliases) for item in found.names] == [
        ("h", IPv4Address("192.168.1.4"), ("h.example.org",)),
        ("h", IPv6Address("fd00::4"), ("h.example.org",)),
    ]


@pytest.mark.parametrize(
    ("conf", "more", "said"),
    [
        ("conf-file=/etc/dnsmasq.conf\n", {}, "a circle"),
        ("conf-file=/etc/a\n", {"etc__a": "conf-file=/etc/b\n", "etc__b": "conf-file=/etc/a\n"}, "a circle"),
        ("conf-file=/etc/missing\n", {}, "No such file"),
        ("conf-dir=/etc/missing\n", {}, "No such file"),
        ("addn-hosts=/etc\n", {"etc__x": "a b c\n"}, "is no address"),
    ],
)
def test_bad_includes_are_told_and_end(tmp_path: Path, conf: str, more: dict[str, str], said: str) -> None:
    found = read(tmp_path, conf + "server=9.9.9.9\n", **more)
    assert said in " ".join(line.note for line in found.lines if line.fate is Fate.LEFT)
    assert len(found.forwarders) == 1


def test_nothing_outside_of_the_root_is_read(tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_text("server=9.9.9.9\n")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/link").symlink_to(outside)
    found = read(root, "conf-file=/etc/link\nconf-file=/../secret\n")
    assert found.forwarders == ()
    assert "leads out" in " ".join(line.note for line in found.lines)


@pytest.mark.parametrize("data", [None, b"a\0b"])
def test_a_main_file_that_cannot_be_read_is_refused(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "dnsmasq.conf"
    if data is not None:
        path.write_bytes(data)
    if data is None:
        with pytest.raises(Refused, match="No such file"):
            read_dnsmasq(str(path))
    else:
        with pytest.raises(Refused, match="NUL"):
            read_dnsmasq(str(path))


def test_a_prefix_of_ipv6() -> None:
    found = ranges.parse_range(statement("dhcp-range=fd00:1::,slaac,56"))
    assert found.prefix == IPv6Network("fd00:1::/56")
