"""Whole configurations of named: a small subnet's, Debian's split one, views; and what no import can use."""

import shutil
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import tools
from reconciler.errors import Refused, Temporary
from reconciler.importing.bind import read_named
from reconciler.importing.found import Fate, FoundDns, FoundGrant, FoundView
from reconciler.services.bind.render import _grant
from reconciler.state.hatches import HatchAllowance, read_bind
from reconciler.state.schema import UpdateGrant
from reconciler.state.tree import Blob

pytestmark = pytest.mark.real

SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
ZONE = "$TTL 1h\n@ SOA ns.example.org. hm.example.org. 5 2 3 4 5\n@ NS ns.elsewhere.example.\n"


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def fates(found: FoundDns) -> dict[str, tuple[Fate, str]]:
    """What became of each line, by its text."""
    return {line.text: (line.fate, line.note) for line in found.lines}


def test_a_small_subnet(tmp_path: Path) -> None:
    files = {
        "named.conf": """
  zone "." {
          type hint;
          file "db.cache";
  };
  zone "0.0.127.in-addr.arpa" {
          type master;
          file "db.127.0.0";
          allow-update { none; };
  };
  zone "example.org" {
          type master;
          file "db.example";
          allow-update { any; };
          allow-transfer { any; };
          allow-query { "any"; };
          notify yes;
  };
  zone "192-255.100.51.198.in-addr.arpa" {
        type master;
        file "db.198.51.100.192-255";
        allow-update { none; };
        allow-transfer { any; };
        allow-query { "any"; };
 };
""",
        "db.127.0.0": ZONE + "1 PTR localhost.\n",
        "db.example": """  $TTL 21600
@   IN  SOA   malaria.example.org.  hostmaster.example.org. (
                      00000005        ; Serial Number (not a date)
                      21600   ; Refresh every 6 hours
                      3600    ; Retry every hour
                      1728000 ; Expire every 20 days
                      21600 ) ; Minimum 6 hours
        IN    NS      malaria.example.net.
        IN    MX      10 engram.example.net.
        IN    A       198.51.100.236
;
entropy         IN      A       198.51.100.236
diphtheria      IN      A       198.51.100.237
www             IN      CNAME   diphtheria
""".removeprefix("  "),
        "db.198.51.100.192-255": ZONE + "196 IN PTR entropy.example.org.\n",
    }
    write(tmp_path, files)
    found = read_named(tmp_path / "named.conf", root=tmp_path)
    assert [zone.name for zone in found.zones] == ["example.org.", "192-255.100.51.198.in-addr.arpa."]
    forward, reverse = found.zones
    assert (forward.dynamic, forward.grants, forward.transfer_to, forward.notify) == (True, (), (), ())
    assert (forward.serial, forward.soa.ttl, forward.soa.refresh) == (5, 21600, 21600)
    assert not reverse.dynamic
    assert {(one.owner, one.rtype, one.rdata, one.number) for one in forward.records} == {
        ("example.org.", "NS", "malaria.example.net.", 8),
        ("example.org.", "MX", "10 engram.example.net.", 9),
        ("example.org.", "A", "198.51.100.236", 10),
        ("entropy.example.org.", "A", "198.51.100.236", 12),
        ("diphtheria.example.org.", "A", "198.51.100.237", 13),
        ("www.example.org.", "CNAME", "diphtheria.example.org.", 14),
    }
    assert found.authoritative
    said = [(line.number, line.text, line.fate) for line in found.lines]
    assert said == sorted(said, key=lambda one: one[0])
    assert said == [
        (2, 'zone "." { … }', Fate.LEFT),
        (6, 'zone "0.0.127.in-addr.arpa" { … }', Fate.LEFT),
        (11, 'zone "example.org" { … }', Fate.TAKEN),
        (14, "allow-update { any; }", Fate.LEFT),
        (15, "allow-transfer { any; }", Fate.LEFT),
        (16, 'allow-query { "any"; }', Fate.TAKEN),
        (17, "notify yes", Fate.LEFT),
        (19, 'zone "192-255.100.51.198.in-addr.arpa" { … }', Fate.TAKEN),
        (22, "allow-update { none; }", Fate.TAKEN),
        (23, "allow-transfer { any; }", Fate.LEFT),
        (24, 'allow-query { "any"; }', Fate.TAKEN),
    ]
    assert "ANYBODY" in fates(found)["allow-update { any; }"][1]


DEBIAN = {
    "/etc/bind/named.conf": """// This is the primary configuration file
include "/etc/bind/named.conf.options";
include "/etc/bind/keys/*.key";
include "/etc/bind/named.conf.local";
include "/etc/bind/named.conf.default-zones";
""",
    "/etc/bind/named.conf.options": """acl trusted { 192.168.1.0/24; localhost; };
acl seconds { 203.0.113.53; key ddns; };
primaries told { 203.0.113.53; };
options {
\tdirectory "/var/cache/bind";
\tforwarders { 192.0.2.53; 2001:db8::53; 192.0.2.54 port 5353; };
\tallow-transfer { seconds; };
\tdnssec-validation auto;
\tallow-recursion { trusted; };
};
controls { inet 127.0.0.1 allow { 127.0.0.1; } keys { "rndc-key"; }; };
logging { channel x { file "/var/log/x"; }; };
statistics-channels { inet 127.0.0.1 port 8053; };
""",
    "/etc/bind/keys/ddns.key": f'key "ddns" {{ algorithm hmac-sha256; secret "{SECRET}"; }};\n',
    "/etc/bind/keys/rndc.key": f'key "rndc-key" {{ algorithm hmac-sha256; secret "{SECRET}"; }};\n',
    "/etc/bind/keys/weak.key": f'key "weak" {{ algorithm hmac-md5; secret "{SECRET}"; }};\n',
    "/etc/bind/named.conf.local": """zone "example.org" {
\ttype master; file "/etc/bind/db.example.org";
\talso-notify { told; };
\tupdate-policy { grant ddns subdomain dyn.example.org. A; grant weak zonesub; };
};
zone "1.168.192.in-addr.arpa" IN { type primary; file "rev"; allow-transfer { none; }; notify no; };
zone "broken.example" { type master; file "broken"; };
zone "corp.example" { type forward; forward only; forwarders { 192.0.2.3; }; };
zone "copy.example" { type slave; masters { 192.0.2.4; }; file "copy"; };
server 192.0.2.5 { keys { ddns; }; };
""",
    "/etc/bind/db.example.org": ZONE + "ns A 192.168.1.2\n",
    "/var/cache/bind/rev": ZONE + "2 PTR ns.example.org.\n",
    "/var/cache/bind/broken": ZONE + "x A 192.0.2.300\n",
}


def debian(folder: Path) -> Path:
    """Debian's own files, with some of the administrator's."""
    write(folder, DEBIAN)
    for name in ("named.conf.default-zones", "db.local", "db.127", "db.0", "db.255"):
        shutil.copy(Path("/etc/bind") / name, folder / "etc/bind" / name)
    return folder / "etc/bind/named.conf"


def test_debians_split_configuration_copied_from_another_machine(tmp_path: Path) -> None:
    found = read_named(debian(tmp_path), root=tmp_path)
    assert [zone.name for zone in found.zones] == ["example.org.", "1.168.192.in-addr.arpa."]
    forward, reverse = found.zones
    assert forward.dynamic
    assert forward.grants == (FoundGrant("ddns", "dyn", ("A",)), FoundGrant("ddns", "*.dyn", ("A",)))
    assert forward.transfer_to == ("203.0.113.53", "ddns")
    assert forward.notify == ("203.0.113.53",)
    assert (reverse.dynamic, reverse.transfer_to, reverse.notify) == (False, (), ())
    assert [(key.name, key.algorithm) for key in found.keys] == [("ddns", "hmac-sha256")]
    assert [(secret.name, secret.value) for secret in found.secrets] == [("ddns", SECRET)]
    assert found.forwarders == (ip_address("192.0.2.53"), ip_address("2001:db8::53"))
    said = fates(found)
    for text in ("logging", "controls", "statistics-channels"):
        assert said[f"{text} {{ … }}"] == (Fate.LEFT, "stays in the node's own named.conf")
    for text in ('zone "localhost"', 'zone "127.in-addr.arpa"', 'zone "0.in-addr.arpa"', 'zone "255.in-addr.arpa"'):
        assert said[f"{text} {{ … }}"] == (Fate.LEFT, "Debian's named.conf.default-zones has it")
    assert said['key "weak" { … }'][1].startswith("algorithm hmac-md5 is not supported")
    assert "rndc" in said['key "rndc-key" { … }'][1]
    assert said["grant weak zonesub"] == (Fate.LEFT, "key weak was not taken, so it has no grant")
    where = f"{tmp_path}/var/cache/bind/broken:4: named-compilezone: near '192.0.2.300': bad dotted quad"
    assert said['zone "broken.example" { … }'] == (Fate.LEFT, where)
    assert said['zone "copy.example" { … }'][0] is Fate.LEFT
    assert all(SECRET not in str(line) for line in found.lines)
    assert SECRET not in repr(found)


def test_hatches_pass_the_states_own_check(tmp_path: Path) -> None:
    found = read_named(debian(tmp_path), root=tmp_path)
    (name,) = found.hatches
    text = found.hatches[name]
    hatch, problems = read_bind(f"bind.d/{name}", Blob("0" * 40, text.encode()), HatchAllowance())
    assert not problems
    assert hatch.text == text
    assert 'zone "corp.example" {' in text
    assert "server 192.0.2.5 {" in text
    (tmp_path / "check.conf").write_text(DEBIAN["/etc/bind/keys/ddns.key"] + text)
    assert tools.run(["named-checkconf", str(tmp_path / "check.conf")]).code == 0


def test_grants_are_ones_that_named_takes(tmp_path: Path) -> None:
    rules = "grant ddns zonesub; grant ddns name a.example.org A; grant ddns wildcard *.b.example.org TXT;"
    (tmp_path / "db").write_text(ZONE)
    key = DEBIAN["/etc/bind/keys/ddns.key"]
    conf = f'{key} zone "example.org" {{ type master; file "db"; update-policy {{ %s }}; }};'
    (tmp_path / "named.conf").write_text(conf % rules)
    (zone,) = read_named(tmp_path / "named.conf").zones
    grants = [UpdateGrant.model_validate({"key": one.key, "name": one.name, "types": one.types}) for one in zone.grants]
    (tmp_path / "after.conf").write_text(conf % " ".join(_grant("example.org.", grant) for grant in grants))
    done = tools.run(["named-checkconf", str(tmp_path / "after.conf")])
    assert done.code == 0, done.text


def test_views(tmp_path: Path) -> None:
    files = {
        "named.conf": f"""
acl inside {{ 192.168.1/24; !192.168.1.9; }};
options {{ recursion no; }};
view internal {{
  match-clients {{ inside; localhost; }};
  recursion yes;
  allow-transfer {{ 192.0.2.9; }};
  key k {{ algorithm hmac-sha512; secret "{SECRET}"; }};
  zone "example.org" {{ type master; file "in"; }};
  zone "shared.example" {{ type master; file "shared"; }};
  zone "corp.example" {{ type forward; forwarders {{ 192.0.2.3; }}; }};
}};
view "external" {{
  match-clients {{ any; }};
  max-cache-size 10M;
  zone "example.org" {{ type master; file "out"; allow-transfer {{ key k; }}; }};
  zone "shared.example" {{ in-view internal; }};
  zone "other.example" {{ in-view internal; }};
}};
view "two words" {{ zone "example.org" {{ type master; file "in"; }}; }};
view chaos CH {{ zone "bind" {{ type master; file "x"; }}; }};
""",
        "in": ZONE + "a A 192.168.1.2\n",
        "out": ZONE + "a A 192.0.2.2\n",
        "shared": ZONE,
    }
    write(tmp_path, files)
    found = read_named(tmp_path / "named.conf")
    assert found.views == (
        FoundView("internal", ("192.168.1.0/24", "localhost"), True),
        FoundView("external", ("any",), False),
    )
    assert {(zone.name, zone.view): (zone.transfer_to, len(zone.records)) for zone in found.zones} == {
        ("example.org.", "internal"): (("192.0.2.9",), 2),
        ("shared.example.", "internal"): (("192.0.2.9",), 1),
        ("example.org.", "external"): (("k",), 2),
        ("shared.example.", "external"): (("192.0.2.9",), 1),
    }
    assert [key.name for key in found.keys] == ["k"]
    assert not found.hatches
    said = fates(found)
    assert "check who sees this view: ! 192.168.1.9" in said["match-clients { inside; localhost; }"][1]
    assert said["view chaos CH { … }"][0] is Fate.LEFT
    assert said['view "two words" { … }'][0] is Fate.LEFT
    assert "outside of views" in said['zone "corp.example" { … }'][1]
    assert said['zone "other.example" { … }'] == (Fate.LEFT, "the zone was not taken in view internal")


@pytest.mark.parametrize(
    ("clause", "words"),
    [
        ('zone "example.org" { type master; };', "it has no file"),
        ('zone "example.org" CH { type master; file "db"; };', "class CH is not served"),
        ('zone "b\u00fcro.example" { type master; file "db"; };', "ASCII"),
        ('zone "example.org" { type master; file "missing"; };', "missing cannot be read: No such file"),
        ('zone "example.org" { type master; file "/dev/zero"; };', "not a regular file"),
        ('zone "example.org" { type redirect; file "db"; };', "of type redirect"),
        ('zone "example.org" { };', "of type none"),
        ('zone { type master; file "db"; };', ""),
    ],
)
def test_zones_that_are_left(tmp_path: Path, clause: str, words: str) -> None:
    (tmp_path / "db").write_text(ZONE)
    (tmp_path / "named.conf").write_text(clause)
    found = read_named(tmp_path / "named.conf")
    assert not found.zones
    assert not found.authoritative
    (line,) = found.lines
    assert line.fate is Fate.LEFT
    assert words in line.note


@pytest.mark.parametrize(
    "text",
    [
        'options { directory "/tmp"; /* x */ }; // y\n# z\nacl a { !10.0.0.1; ! { 10.0.0.2; }; any; };',
        'acl /**/a{any;};acl b//x\n{10/8;2001:db8::/32;"a";};',
        'acl "a" { key k; none; }; key k { algorithm "hmac-sha256"; secret "YWJj"; };',
        "acl a { any; }; # \u00fc\n",
        'zone "example.org" { type forward; forwarders { }; };;'.removesuffix(";"),
    ],
)
def test_what_named_takes_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "named.conf"
    path.write_bytes(text.encode("latin-1"))
    done = tools.run(["named-checkconf", str(path)])
    assert done.code == 0, done.text
    read_named(path)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("options {\n  recursion no;\n", ":1:1: "),
        ("options { recursion no }\n;", ":1:24: "),
        ('options { directory "x; };\n', ":1:21: "),
        ("acl a { any; };\n};", ":2:1: "),
        ("/* x", ":1:1: "),
        ('include "named.conf";', ":1:1: "),
        ('\ninclude "missing";', ":2:1: "),
    ],
)
def test_what_named_does_not_take_is_refused(tmp_path: Path, text: str, where: str) -> None:
    path = tmp_path / "named.conf"
    path.write_text(text)
    if "named.conf" not in text:  # named-checkconf includes it until it has no more descriptors.
        assert tools.run(["named-checkconf", str(path)], cwd=tmp_path).code
    with pytest.raises(Refused) as error:
        read_named(path)
    assert str(error.value).startswith(f"{path}{where}")


def test_a_zone_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "db").write_text(ZONE)
    (tmp_path / "named.conf").write_text('zone "example.org" { type master; file "db"; };\n' * 2)
    with pytest.raises(Refused, match=r"named\.conf:2:1: zone example\.org\. stands here twice"):
        read_named(tmp_path / "named.conf")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", Path("/dev/zero")):
        with pytest.raises(Refused, match=str(path)):
            read_named(path)


def test_without_bind_nothing_is_taken_for_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "db").write_text(ZONE)
    (tmp_path / "named.conf").write_text('zone "example.org" { type master; file "db"; };')
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Temporary, match="named-compilezone is not installed"):
        read_named(tmp_path / "named.conf")


VOCABULARY = """zone "example.org" "." type master hint stub forward file "db" journal view "v" acl any none ! key "k"
IN allow-update allow-transfer update-policy grant deny zonesub subdomain local options directory in-view also-notify
notify primaries masters server keys 192.0.2.1 10/8 forwarders controls secret algorithm recursion match-clients port
53 é"""
_WORDS = st.sampled_from([*VOCABULARY.split(), '"two words"', '"\\\\"', '"\n"', "\x1b", '""'])
_STATEMENTS = st.recursive(
    st.lists(_WORDS, min_size=1, max_size=5).map(" ".join),
    lambda inner: st.tuples(
        st.lists(_WORDS, max_size=3).map(" ".join), st.lists(inner, max_size=4), _WORDS | st.just("")
    ).map(lambda parts: f"{parts[0]} {{ {' '.join(f'{one};' for one in parts[1])} }} {parts[2]}"),
    max_leaves=12,
)


@given(st.lists(_STATEMENTS, max_size=5))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_a_traceback(tmp_path: Path, statements: list[str]) -> None:
    (tmp_path / "db").write_text(ZONE)
    (tmp_path / "named.conf").write_text("".join(f"{one};\n" for one in statements))
    try:
        found = read_named(tmp_path / "named.conf")
    except Refused as error:
        assert str(error).startswith(str(tmp_path))
        assert str(error).isprintable()
    else:
        assert all(line.text.isprintable() and line.note.isprintable() for line in found.lines)


@given(st.binary(max_size=80))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_in_a_master_file_are_a_traceback(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "db").write_bytes(ZONE.encode() + data)
    (tmp_path / "named.conf").write_text('zone "example.org" { type master; file "db"; };')
    found = read_named(tmp_path / "named.conf")
    assert all(line.text.isprintable() and line.note.isprintable() for line in found.lines)
