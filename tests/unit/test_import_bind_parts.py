"""named.conf's syntax, its includes, match lists, keys and grants, without any server."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.dns.records import RRset
from reconciler.errors import Refused
from reconciler.importing.bind import conf, defaults, hatch, syntax, transfers, updates
from reconciler.importing.bind.keys import TakenKey, read_key
from reconciler.importing.bind.matching import Lists, Match
from reconciler.importing.bind.places import Places
from reconciler.importing.found import FoundGrant

SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
KEYS = frozenset({"k"})


def one(text: str) -> syntax.Statement:
    (statement,) = syntax.parse("named.conf", text)
    return statement


def lists(text: str) -> Lists:
    return Lists(syntax.parse("named.conf", text))


def test_words_strings_comments_and_places() -> None:
    text = 'a b//c\n"d \\"e\n;#{"/*x\n*/ f { ! g; {h;}; } i;/**/ # end\nj;'
    first, second = syntax.parse("f", text)
    assert first.words[:2] == ["a", "b"]
    assert first.words[2] == 'd "e\n;#{'
    assert first.words[3:] == ["f", "i"]
    assert [inner.words for inner in first.inner] == [["!", "g"], []]
    assert first.inner[1].inner[0].words == ["h"]
    assert (second.place.line, second.place.column) == (5, 1)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a {\n b;\n", "f:1:1: the brace"),
        ("a;\n};", "f:2:1: a brace closes"),
        ("a { b };", "f:1:7: a semicolon is missing"),
        ("a;\nb", "f:2:1: a semicolon is missing"),
        ('a "b;\nc', "f:1:3: the string"),
        ("a;\n  /* b", "f:2:3: the comment"),
        ("a\0b;", "f:1:2: unexpected '\\x00'"),
        ("{" * 30, "f:1:21: braces nested deeper"),
        ('key k { secret "hush" }', "f:1:23"),
        ('key k { algorithm x; secret "hush"', "f:1:1"),
    ],
)
def test_bad_syntax_has_its_place_and_shows_no_secret(text: str, where: str) -> None:
    with pytest.raises(Refused) as error:
        syntax.parse("f", text)
    assert str(error.value).startswith(where)
    assert "hush" not in str(error.value)


@given(st.text(alphabet=st.sampled_from('ab "\\{};!#/*\n\0é\udce9'), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        statements = syntax.parse("f", text)
    except Refused as error:
        assert str(error).startswith("f:")
        assert str(error).isprintable()
    else:
        assert all((one.text() + one.head()).isprintable() for one in statements)


def test_no_text_shows_a_secret() -> None:
    for text in (
        f'key k {{ secret "{SECRET}"; }};',
        f"key k secret {SECRET};",
        f'x {{ y {{ secret="{SECRET}"; }}; }};',
    ):
        statement = one(text)
        assert SECRET not in statement.text() + statement.head()


def test_includes_follow_the_directory_as_named_does(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "named.conf").write_text(
        f'include "early"; options {{ directory "{tmp_path}/sub"; include "o"; }}; include "*.inc";'
    )
    (tmp_path / "early").write_text("acl early { any; };")
    (tmp_path / "sub/o").write_text("recursion no;")
    (tmp_path / "sub/b.inc").write_text("acl b { any; };")
    (tmp_path / "sub/a.inc").write_text("acl a { any; };")
    places = Places(tmp_path / "named.conf")
    statements = conf.load(tmp_path / "named.conf", places)
    assert [statement.value for statement in statements] == ["early", "", "a", "b"]
    assert [inner.name for inner in statements[1].inner] == ["directory", "recursion"]
    assert statements[2].place == (str(tmp_path / "sub/a.inc"), 1, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('include "named.conf";', "named.conf:1:1: {}/named.conf includes itself"),
        ('\n include "two";', "two:1:1: {}/named.conf includes itself"),
        ('include "missing";', "missing cannot be read: No such file"),
        ('include "*.nothing";', "no file is called"),
        ('include "/dev/zero";', "/dev/zero cannot be read: not a regular file"),
        ('include "deep0";', "deeper than 20 levels"),
    ],
)
def test_includes_that_are_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "named.conf").write_text(text)
    (tmp_path / "two").write_text('include "named.conf";')
    for number in range(30):
        (tmp_path / f"deep{number}").write_text(f'include "deep{number + 1}";')
    with pytest.raises(Refused) as error:
        conf.load(tmp_path / "named.conf", Places(tmp_path / "named.conf"))
    assert words.format(tmp_path) in str(error.value)
    assert str(error.value).startswith(str(tmp_path))


def test_huge_configurations_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conf, "MAX_BYTES", 100)
    (tmp_path / "named.conf").write_text('include "part";' * 3)
    (tmp_path / "part").write_text("acl a { any; };" + " " * 20)
    with pytest.raises(Refused, match=r"part: with this file the configuration has more than 100 bytes"):
        conf.load(tmp_path / "named.conf", Places(tmp_path / "named.conf"))
    monkeypatch.setattr(conf, "MAX_BYTES", 10)
    with pytest.raises(Refused, match="has more than 10 bytes"):
        conf.load(tmp_path / "named.conf", Places(tmp_path / "named.conf"))


def test_a_root_stands_for_the_whole_machine(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc/bind").mkdir(parents=True)
    (root / "var/cache").mkdir(parents=True)
    (root / "flat").write_text("")
    (root / "var/cache/db").write_text("")
    (root / "out").symlink_to("/etc/passwd")
    places = Places(root / "etc/bind/named.conf", root, "/var/cache")
    assert places.find("/etc/bind/x") == root / "etc/bind/x"
    assert places.find("db") == root / "var/cache/db"
    assert places.find("flat") == root / "flat"
    for written in ("../../../../etc/passwd", "/../etc/passwd", "/out", "out", "", "a\0b"):
        with pytest.raises(Refused):
            places.find(written)
    (root / "named.conf").write_text('include "/out";')
    with pytest.raises(Refused, match=r"named\.conf:1:1: include: /out leads out of"):
        conf.load(root / "named.conf", places)


def test_match_lists() -> None:
    known = lists(
        "acl a { 10/8; b; }; acl b { 192.168.1/24; 2001:DB8::/32; key K.; };"
        "acl loop { pool; }; acl pool { loop; 192.0.2.1; }; acl n { ! 10.0.0.1; any; };"
    )
    assert known.match(one("x { a; localnets; };")) == Match(
        ("10.0.0.0/8", "192.168.1.0/24", "2001:db8::/32", "localnets"), ("k",)
    )
    assert known.match(one('x { "any"; 192.0.2.1; };')).anyone
    assert known.match(one("x { none; 192.0.2.1; };")).nobody
    assert known.match(one("x { };")).nobody
    assert known.match(one("x { n; };")) == Match(("any",), (), ("! 10.0.0.1",))
    assert not known.match(one("x { n; };")).anyone
    assert known.match(one("x { loop; };")) == Match(("192.0.2.1",), (), ("loop",))
    assert known.match(one("x { { 192.0.2.1; { 192.0.2.2; }; }; };")).said == ("192.0.2.1", "192.0.2.2")
    assert known.match(one("x { nobody-knows; geoip country DE; 1.2.3.4.5; };")).unsaid == (
        "nobody-knows",
        "geoip country DE",
        "1.2.3.4.5",
    )


def test_who_may_copy_a_zone() -> None:
    def found(text: str) -> transfers.Peers:
        statement = one(f"allow-transfer {text};")
        return transfers.transfer_to(statement, lists("").match(statement), KEYS)

    assert found("{ 192.0.2.1; 192.0.2.2/32; 2001:db8::1/128; key k; }") == (
        ("192.0.2.1", "192.0.2.2", "2001:db8::1", "k"),
        (),
    )
    assert found("{ none; }") == ((), ())
    for text in (
        "{ any; }",
        "{ localnets; }",
        "{ 192.0.2.0/24; }",
        "{ key other; 192.0.2.1; }",
        "{ ! 192.0.2.1; any; }",
    ):
        assert found(text).troubles, text
    assert not found("{ any; }").peers
    assert not found("{ 192.0.2.0/24; }").peers
    assert found("{ key k; }").peers == ("k",)
    assert found("{ key k; }").troubles
    assert found("port 853 transport tls { 192.0.2.1; }").troubles


def test_match_lists_that_double_end() -> None:
    text = "acl a0 { 192.0.2.1; ! 192.0.2.2; };" + "".join(f"acl a{n} {{ a{n - 1}; a{n - 1}; }};" for n in range(1, 40))
    assert lists(text).match(one("x { a39; };")).said == ("192.0.2.1",)


def test_lists_of_servers() -> None:
    known = lists('primaries p { 192.0.2.1; q; }; masters q { 192.0.2.2 key "K"; 192.0.2.3 port 5353; p; };')
    assert known.servers(one("also-notify { p; 2001:db8::1; };")) == Match(
        ("192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"), ("k",), ("192.0.2.3 port 5353", "p")
    )
    assert known.servers(one("also-notify port 53 { 192.0.2.1; };")).unsaid == ("also-notify port 53 { … }",)


def test_keys() -> None:
    taken = read_key(one(f'key "My-Key." {{ algorithm HMAC-SHA256; secret "{SECRET}"; }};'))
    assert isinstance(taken, TakenKey)
    assert (taken.key.name, taken.key.algorithm) == ("my-key", "hmac-sha256")
    assert (taken.secret.name, taken.secret.value) == ("my-key", SECRET)
    assert SECRET not in repr(taken)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'key k {{ algorithm hmac-md5; secret "{SECRET}"; }};', "hmac-md5 is not supported"),
        (f'key k {{ secret "{SECRET}"; }};', "algorithm missing"),
        ('key k { algorithm hmac-sha256; secret "hush!"; };', "not base64"),
        ('key k { algorithm hmac-sha256; secret "aHVzaA=="; };', "less than 16 octets"),
        (f'key reconciler {{ algorithm hmac-sha256; secret "{SECRET}"; }};', "the node's own key"),
        (f'key "a b" {{ algorithm hmac-sha256; secret "{SECRET}"; }};', "no plain name"),
    ],
)
def test_keys_that_are_left(text: str, words: str) -> None:
    reason = read_key(one(text))
    assert isinstance(reason, str)
    assert words in reason
    assert "hush" not in reason
    assert SECRET not in reason


def policy(rules: str) -> updates.Updates:
    return updates.update_policy(one(f"update-policy {{ {rules} }};"), "example.org.", KEYS)


@pytest.mark.parametrize(
    ("rule", "grants"),
    [
        ("grant k name a.example.org. A AAAA;", [("a", ("A", "AAAA"))]),
        ('grant "K." name example.org ANY;', [("@", ("ANY",))]),
        ("grant k subdomain dyn.example.org TXT;", [("dyn", ("TXT",)), ("*.dyn", ("TXT",))]),
        ("grant k subdomain example.org TXT;", [("@", ("TXT",)), ("*", ("TXT",))]),
        ("grant k wildcard *.dyn.example.org;", [("*.dyn", ())]),
        ("grant k zonesub a txt;", [("@", ("A", "TXT")), ("*", ("A", "TXT"))]),
        ("grant k zonesub;", [("@", ()), ("*", ())]),
    ],
)
def test_grants(rule: str, grants: list[tuple[str, tuple[str, ...]]]) -> None:
    found = policy(rule)
    assert found.dynamic
    assert found.grants == tuple(FoundGrant("k", name, types) for name, types in grants)
    assert not found.troubles


@pytest.mark.parametrize(
    "rule",
    [
        "grant other name a.example.org;",
        "grant k self a.example.org;",
        "grant * zonesub;",
        "grant k name a.example.net A;",
        "grant k name *.example.org A;",
        "grant k wildcard a.example.org A;",
        "grant k name a.example.org A(3);",
        "grant k name a.example.org BOGUS;",
        "grant k name a\\032b.example.org A;",
        "grant k name;",
        "grant k;",
        "nonsense;",
        "{ };",
    ],
)
def test_rules_that_are_left(rule: str) -> None:
    found = policy(rule)
    assert found.dynamic
    assert not found.grants
    assert len(found.troubles) == 1


def test_nothing_is_granted_after_a_deny() -> None:
    found = policy("grant k name a.example.org; deny k name b.example.org; grant k zonesub;")
    assert [grant.name for grant in found.grants] == ["a"]
    assert len(found.troubles) == 1


def test_allow_update() -> None:
    known = lists("acl a { key k; };")

    def found(text: str) -> updates.Updates:
        return updates.allow_update(one(f"allow-update {{ {text} }};"), known, KEYS)

    assert found("none;") == updates.Updates(dynamic=False)
    assert found("a;").grants == (FoundGrant("k", "@", ("ANY",)), FoundGrant("k", "*", ("ANY",)))
    loud = found("any;")
    assert loud.dynamic
    assert not loud.grants
    assert "ANYBODY" in loud.troubles[0][1]
    assert "192.0.2.1" in found("192.0.2.1; key k;").troubles[0][1]
    assert "not taken" in found("key other;").troubles[0][1]
    assert not found("! 192.0.2.1; any;").grants


def test_packages_own_zones_are_known_by_what_is_in_them() -> None:
    def reason(name: str, *records: tuple[str, str, str]) -> str:
        return defaults.reason(name, [RRset(owner, 60, rtype, (data,)) for owner, rtype, data in records])

    ns = ("x.", "NS", "localhost.")
    assert reason("localhost.", ns, ("localhost.", "A", "127.0.0.1"), ("localhost.", "AAAA", "::1"))
    assert not reason("localhost.", ns, ("localhost.", "A", "192.0.2.1"))
    assert not reason("localhost.", ns, ("a.localhost.", "TXT", '"x"'))
    assert reason("127.in-addr.arpa.", ns, ("1.0.0.127.in-addr.arpa.", "PTR", "localhost."))
    assert reason("0.0.127.in-addr.arpa.", ns, ("1.0.0.127.in-addr.arpa.", "PTR", "localhost.example.org."))
    assert not reason("127.in-addr.arpa.", ns, ("2.0.0.127.in-addr.arpa.", "PTR", "spam.example.org."))
    assert reason("0.in-addr.arpa.", ns)
    assert reason("255.in-addr.arpa.", ns)
    assert reason(f"1.{'0.' * 31}ip6.arpa.", ns)
    assert reason("10.in-addr.arpa.", ns)
    assert reason("20.172.in-addr.arpa.", ns)
    assert not reason("1.168.192.in-addr.arpa.", ns)
    assert not reason("10.in-addr.arpa.", ns, ("1.0.0.10.in-addr.arpa.", "PTR", "a.example.org."))
    assert not reason("2.0.192.in-addr.arpa.", ns)
    assert not reason("example.org.", ns)


def test_text_for_bind_d_stands_by_itself() -> None:
    known = lists("acl inside { 10/8; }; primaries p { 192.0.2.1; }; acl not-x { ! 10.0.0.1; any; };")
    text = hatch.text(
        one('zone "a.example" { type stub; primaries { p; }; file "x"; allow-query { inside; key k; }; };'), known, KEYS
    )
    assert text == (
        'zone "a.example" {\n\ttype stub;\n\tprimaries { 192.0.2.1; };\n\tallow-query { 10.0.0.0/8; key "k"; };\n};\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        "zone a { type secondary; primaries { 192.0.2.1; }; };",
        "zone a { type forward; forwarders { 192.0.2.1; }; check-names ignore; };",
        "zone a { type stub; primaries { unknown; }; };",
        "zone a { type stub; primaries { 192.0.2.1 key other; }; };",
        "zone a { type stub; primaries { 192.0.2.1; }; allow-query { not-x; }; };",
        "server 192.0.2.1 { keys other; };",
        "server 192.0.2.1 { keys { other; }; };",
        "server 192.0.2.1 { bogus yes; transfer-source 192.0.2.2; };",
        'zone "a\n" { type forward; };',
        'zone "a\\" { type forward; };',
    ],
)
def test_text_that_bind_d_cannot_hold(text: str) -> None:
    with pytest.raises(Refused):
        hatch.text(one(text), lists("acl not-x { ! 10.0.0.1; any; };"), KEYS)
