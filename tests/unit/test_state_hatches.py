"""Escape hatches: what is let through, what not, and that nothing slips past by its spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.state import hatches
from reconciler.state.hatches import HatchAllowance
from reconciler.state.tree import Blob

NOTHING = HatchAllowance()


def bind(text: str | bytes, allow: HatchAllowance = NOTHING) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    return [str(problem) for problem in hatches.read_bind("b", Blob("", data), allow)[1]]


def dnsmasq(text: str | bytes, allow: HatchAllowance = NOTHING) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    return [str(problem) for problem in hatches.read_dnsmasq("d", Blob("", data), allow)[1]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment with conf-file=/etc/passwd\n",
        "dhcp-option=option:ntp-server,192.0.2.1\n  log-queries   # comment\n\tlog-dhcp\r\n",
        "address = /example.org/192.0.2.1",
        'txt-record=a,"with # and \\" inside", "x"  # "',
        'dhcp-option=252,"\\n"',
        "server=/ä.example/192.0.2.1#5353",
        "filter-AAAA",
    ],
)
def test_dnsmasq_lets_through(text: str) -> None:
    assert dnsmasq(text) == []


@pytest.mark.parametrize(
    "directive",
    [
        "conf-file",
        "conf-dir",
        "conf-script",
        "dhcp-script",
        "dhcp-luascript",
        "dhcp-scriptuser",
        "script-on-renewal",
        "user",
        "group",
        "addn-hosts",
        "hostsdir",
        "dhcp-hostsfile",
        "dhcp-hostsdir",
        "dhcp-optsfile",
        "dhcp-optsdir",
        "servers-file",
        "resolv-file",
        "read-ethers",
        "dhcp-leasefile",
        "leasefile-ro",
        "pid-file",
        "log-facility",
        "dumpfile",
        "dnssec-timestamp",
        "enable-tftp",
        "tftp-root",
        "port",
        "interface",
        "except-interface",
        "listen-address",
        "bind-interfaces",
        "bind-dynamic",
        "auth-server",
        "interface-name",
        "query-port",
        "min-port",
        "max-port",
        "ipset",
        "nftset",
        "conntrack",
        "enable-dbus",
        "enable-ubus",
        "ra-param",
        "dhcp-relay",
        "dhcp-alternate-port",
        "keep-in-foreground",
        "no-daemon",
        "test",
    ],
)
def test_dnsmasq_refuses(directive: str) -> None:
    for line in (directive, f"{directive}=x", f"\t {directive} = x # y"):
        (problem,) = dnsmasq(f"log-queries\n{line}\n")
        column = line.index(directive) + 1
        assert problem.startswith(f"d:2:{column}: directive '{directive}' is not allowed; "), problem
        assert f"dnsmasq.allow: [{directive}] in node.yaml" in problem
    assert dnsmasq(directive, HatchAllowance(dnsmasq=frozenset({directive}))) == []
    assert dnsmasq(directive, HatchAllowance(bind=frozenset({directive}))) != []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"conf-file"=x', "d:1:1: not a directive"),
        ('conf"-"file=x', "d:1:1: not a directive"),
        ("=x", "d:1:1: not a directive"),
        ("log-queries x", "d:1:1: not a directive"),
        ("log-queries#x", "d:1:1: not a directive"),
        ("log-queries\\", "d:1:1: not a directive"),
        ('  txt-record=a,"b', "d:1:16: the quote that opens here is not closed"),
        ("Log-Queries", "d:1:1: directive 'Log-Queries' is not allowed"),
        ("dhcp-opton=1", "d:1:1: directive 'dhcp-opton' is not allowed; did you mean 'dhcp-option'?"),
        ("#" * 1023 + "conf-file=/etc/passwd", "d:1:1: the line has 1044 octets"),
        ("#" + "ä" * 500, "d:1:1: the line has 1001 octets"),
        ("# x\rconf-file=x", "d:1:4: a carriage return without a newline"),
        (b"# x\x0bconf-file=x", "d:1:4: character U+000B"),
        (b"# \xe4", "d:1:3: byte 0xe4 is not UTF-8"),
        (b"log-queries\x00", "d:1:12: character U+0000"),
    ],
)
def test_dnsmasq_mistakes(text: str | bytes, expected: str) -> None:
    (problem,) = dnsmasq(text)
    assert problem.startswith(expected), problem


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        '// options { directory "/"; };\n# include "x";\n/* key x { };\n */',
        "acl trusted { 10/8; !192.0.2.1; { nested; }; key k; };",
        'ACL "x" { any; };',
        "primaries p port 5353 { 192.0.2.1 key k; 2001:db8::1; };\nmasters m { 192.0.2.1; };",
        "server 192.0.2.0/24 { bogus yes; edns no; keys { k; }; };",
        'zone "example.com" IN { type forward; forward only; forwarders { 192.0.2.1 port 53; }; };',
        "zone example.com { type static-stub; server-addresses { 192.0.2.1; }; };",
        "zone example.com { type stub; primaries { 192.0.2.1; }; };",
    ],
)
def test_bind_lets_through(text: str) -> None:
    assert bind(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('include "/etc/passwd";', "b:1:1: statement 'include' is not allowed; put the statements here"),
        ("acl x { any; };\noptions { };", "b:2:1: statement 'options' is not allowed; the node's administrator"),
        ('"options" { };', "b:1:1: statement 'options' is not allowed"),
        ("OPTIONS { };", "b:1:1: statement 'options' is not allowed"),
        ("log/**/ging { };", "b:1:1: statement 'log' is not allowed"),
        ("acl#\n{ any; }; controls { };", "b:2:11: statement 'controls' is not allowed"),
        ("key k { };", "b:1:1: statement 'key' is not allowed; secrets do not belong into the repository"),
        ("statistics-channels { };", "b:1:1: statement 'statistics-channels' is not allowed"),
        ("view v { };", "b:1:1: statement 'view' is not allowed"),
        ('zone a { type forward; file "/x"; };', "b:1:24: 'file' is not allowed in zone; the node's administrator"),
        ("zone a { type primary; };", "b:1:1: a zone here is of type forward, static-stub, stub"),
        ("zone a { type hint; };", "b:1:1: a zone here is of type"),
        ("zone a { forwarders { }; };", "b:1:1: a zone here is of type"),
        ("zone a { type forward; type primary; };", "b:1:1: a zone here is of type"),
        ("zone a { type forward; } { journal x; };", "b:1:28: 'journal' is not allowed in zone"),
        ("server 192.0.2.1 { query-source address *; };", "b:1:20: 'query-source' is not allowed in server"),
        ("{ acl x; };", "b:1:1: braces without a statement"),
        ("zone a { { x; }; type forward; };", "b:1:1: braces without a statement in zone"),
        ("acl x { any; }", "b:1:5: a semicolon is missing after this"),
        ("acl x { any };", "b:1:13: a semicolon is missing before this brace"),
        ("acl x { any;", "b:1:7: the brace that opens here is not closed"),
        ("acl x { any; }; };\noptions { };", "b:1:17: a brace closes that was never opened"),
        ('acl "x', "b:1:5: unexpected '\"'; close the string in its line"),
        ('acl "x\n";', "b:1:5: unexpected '\"'; close the string in its line"),
        ("acl \\x { };", "b:1:5: unexpected '\\\\'"),
        ('acl "x\\"y" { };', "b:1:5: unexpected '\"'"),
        ("acl x { /* };", "b:1:9: the comment that opens here is not closed"),
        ("// x\roptions { };", "b:1:5: a carriage return without a newline"),
        ("acl x " + "{" * 30, "b:1:27: nested deeper than 20 levels"),
    ],
)
def test_bind_mistakes(text: str, expected: str) -> None:
    (problem,) = bind(text)
    assert problem.startswith(expected), problem


def test_bind_can_be_widened_by_statement_or_part() -> None:
    text = 'zone a { type forward; file "/x"; };\nlogging { channel c { file "y"; }; };\n'
    assert [problem.split(": ")[0] for problem in bind(text)] == ["b:1:24", "b:2:1"]
    assert bind(text, HatchAllowance(bind=frozenset({"zone.file", "logging"}))) == []
    assert bind('zone a { type hint; file "x"; };', HatchAllowance(bind=frozenset({"zone"}))) == []


def test_the_text_is_handed_on_without_returns_and_byte_order_mark() -> None:
    hatch, problems = hatches.read_dnsmasq("d", Blob("", "\ufefflog-queries\r\nlog-dhcp\r\n".encode()), NOTHING)
    assert (hatch.text, problems) == ("log-queries\nlog-dhcp\n", [])


FRAGMENTS = st.lists(
    st.sampled_from(
        [
            "acl",
            " ",
            "x",
            "{",
            "}",
            ";",
            '"',
            "//",
            "/*",
            "*/",
            "#",
            "\n",
            "zone a {",
            "type forward;",
            "};",
            "=",
            "\\",
            "\r",
        ]
    ),
    max_size=25,
)


@given(FRAGMENTS.map("".join).map(str.encode) | st.binary(max_size=60))
def test_junk_gives_problems(data: bytes) -> None:
    bind(data)
    dnsmasq(data)


@given(
    st.lists(st.sampled_from(["acl x { any; };", "# y", "\n", " ", "/* z */", "// z\n"]), max_size=8),
    st.sampled_from(["options { };", 'include "x";']),
)
def test_bind_finds_a_bad_statement_between_good_ones(parts: list[str], bad: str) -> None:
    text = "\n".join(parts)
    assert bind(text) == []
    assert len(bind(f"{text}\n{bad}\n{text}")) == 1
