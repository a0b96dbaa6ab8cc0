"""The schema and its messages: what a person reads when a value is wrong, and where it points."""

import pytest
from pydantic import ValidationError

from reconciler.state import yaml
from reconciler.state.problem import Position
from reconciler.state.schema import Dhcp, Host, Network, Site
from reconciler.state.tree import Blob
from reconciler.state.validation import validate

BASE = "version: 1\nsite: home\n"


def problems(text: str, model: type = Site) -> list[tuple[str, str]]:
    document = yaml.read("site.yaml", Blob("", text.encode()))
    assert document.problems == ()
    _, found = validate(model, document.data, document)
    return [(f"{problem.where.line}:{problem.where.column}", str(problem).split(": ", 1)[1]) for problem in found]


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("site: home\n", "1:1", "the file has no 'version'; add the key 'version'"),
        ("version: 2\nsite: home\n", "1:10", "'2' is not one of: 1"),
        (BASE + "netwroks: {}\n", "3:1", "unknown key 'netwroks'; did you mean 'networks'?"),
        (BASE + "dns:\n  clients_aks: bind\n", "4:3", "unknown key 'clients_aks'; did you mean 'clients_ask'?"),
        (BASE + "networks:\n  lan: {domian: x}\n", "4:9", "unknown key 'domian'; did you mean 'domain'?"),
        (BASE + "dns: {clients_ask: bimd}\n", "3:20", "'bimd' is not one of: dnsmasq, bind; did you mean 'bind'?"),
        (BASE + "networks:\n  lan:\n    ipv6_mode: slac\n", "5:16", "did you mean 'slaac'?"),
        (BASE + "networks: {lan: {vlan: 5000}}\n", "3:24", "'5000' is too large; the limit is 4094"),
        (BASE + "networks: {lan: {vlan: 0}}\n", "3:24", "'0' is too small; the limit is 1"),
        (BASE + "networks: {lan: {vlan: -1}}\n", "3:24", "'-1' is not a whole number"),
        (BASE + "networks: {lan: {isolated: maybe}}\n", "3:28", "'maybe' is neither yes nor no"),
        (BASE + "networks: [lan]\n", "3:1", "expected a mapping of 'networks' by name, found a list"),
        (BASE + "networks: {lan: }\n", "3:12", "expected a mapping of keys to values, found nothing"),
        (BASE + "networks: {lan: [x]}\n", "3:12", "found a list"),
        (BASE + "networks:\n  a b: {}\n", "4:3", "'a b' is not a plain name; use letters"),
        (
            BASE + "networks: {lan: {ipv4: 192.168.1.1/24}}\n",
            "3:24",
            "is an address inside a network, not the network; write 192.168.1.0/24",
        ),
        (
            BASE + "networks: {lan: {ipv4: 192.168.1.0}}\n",
            "3:24",
            "is not a network; write its first address and length",
        ),
        (BASE + "networks: {lan: {ipv4: 192.168.1.0/33}}\n", "3:24", "has a length over 32"),
        (BASE + "networks: {lan: {ipv4: 192.168.010.0/24}}\n", "3:24", "leading zeros are not permitted"),
        (BASE + "networks: {lan: {ipv6: fe80::1%eth0/64}}\n", "3:24", "has a scope"),
        (BASE + "networks: {lan: {router: 2001:db8::1}}\n", "3:26", "is not an IPv4 address"),
        (BASE + "networks: {lan: {virtual_ips: 300.1.1.1}}\n", "3:31", "'300.1.1.1' is not an IPv4 address"),
        (BASE + "networks: {lan: {virtual_ips: [1.1.1.1, x]}}\n", "3:41", "'x' is not an IP address"),
        (BASE + "networks: {lan: {dhcp: {ranges: 1.1.1.1}}}\n", "3:33", "'1.1.1.1' is not a range; write FIRST-LAST"),
        (BASE + "networks: {lan: {dhcp: {ranges: [1.1.1.1-x]}}}\n", "3:34", "'x' is not an IP address"),
        (BASE + "networks: {lan: {dhcp: {lease: 12 hours}}}\n", "3:32", "'12 hours' is not a time; write seconds"),
        (BASE + 'networks: {lan: {dhcp: {options: {a: "x\\ny"}}}}\n', "3:38", "not one line of plain text"),
        (BASE + "networks: {lan: {reverse: [a..b]}}\n", "3:28", "'a..b' has an empty label"),
        (BASE + "networks: {lan: {reverse: a..b}}\n", "3:27", "'a..b' has an empty label"),
        (BASE + "zones: {a..b: {}}\n", "3:9", "'a..b' has an empty label"),
        (BASE + "zones: {a.b: {keep: [{types: A}]}}\n", "3:22", "'keep' has no 'name'"),
        (BASE + "zones: {a.b: {keep: [{name: '@', types: [A, B]}]}}\n", "3:45", "'B' is not a record type"),
        (BASE + "zones: {a.b: {keep: [{name: 'x; }'}]}}\n", "3:29", "blank"),
        (BASE + "zones: {a.b: {keep: {name: x}}}\n", "3:15", "expected a list, found a mapping"),
        (
            BASE + "keys: {k: {secret: c2VjcmV0}}\n",
            "3:20",
            "found 'c2VjcmV0'; write `key: value` pairs below it; known keys are: secret",
        ),
        (BASE + "wan: {watch: [{web: x.org, interface: y}]}\n", "3:15", "has 2 keys; write exactly one of"),
        (
            BASE + "wan: {watch: [{web: 'ftp://x'}]}\n",
            "3:21",
            "is not the address of a web page; write https://HOST/PATH",
        ),
        (BASE + "wan: {watch: [{web: 'http://u:p@x/'}]}\n", "3:21", "has a user name or a `#`; leave it out"),
        (BASE + "wan: {watch: [{web: 'http://x/ y'}]}\n", "3:21", "is not the address of a web page"),
        (BASE + "wan: {watch: [{dns: {name: a.b}}]}\n", "3:16", "'dns' has no 'servers'; add the key 'servers'"),
        (BASE + "wan: {watch: [{dns: {name: a.b, servers: x}}]}\n", "3:42", "'x' is not an IP address"),
        (BASE + "wan: {watch: [{dns: {name: a.b, servers: '1.1.1.1:0'}}]}\n", "3:42", "has no port from 1 to 65535"),
        (BASE + "wan: {watch: [{command: [a, b]}]}\n", "3:16", "expected a single value, found a list"),
        ("", "1:1", "expected a mapping of keys to values, found nothing"),
        ("x", "1:1", "found 'x'"),
    ],
)
def test_mistakes(text: str, where: str, message: str) -> None:
    ((place, said),) = problems(text)
    assert place == where, said
    assert message in said


def test_all_mistakes_are_told_at_once() -> None:
    text = "version: 1\nsite: a b\nnetworks:\n  lan: {vlan: x, ipv4: y}\ndns: {ttl: z}\n"
    assert [place for place, _ in problems(text)] == ["2:7", "4:15", "4:24", "5:12"]


def test_long_values_are_cut() -> None:
    ((_, said),) = problems(BASE + f"domain: {'x' * 5000}\n")
    assert len(said) < 6000


def test_one_value_stands_for_a_list_and_nothing_for_none() -> None:
    host = Host.model_validate({"ipv4": "192.0.2.1", "aliases": None, "mac": ["525400123456"]})
    assert (len(host.ipv4), host.aliases, host.mac) == (1, [], ["52:54:00:12:34:56"])


@pytest.mark.parametrize(("text", "value"), [("no", "no"), ("x.arpa", ["x.arpa."]), (["a.", "b"], ["a.", "b."])])
def test_reverse_is_no_or_names(text: object, value: object) -> None:
    assert Network.model_validate({"reverse": text}).reverse == value


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("90", 90), ("90s", 90), ("15m", 900), ("1d12h", 129600), ("2W", 1209600)]
)
def test_times(text: str, seconds: int) -> None:
    assert Dhcp.model_validate({"lease": text}).lease == seconds


@pytest.mark.parametrize("text", ["", "x", "1x", "-1", "1.5h", "99999999999", "2147483648", "٣"])
def test_bad_times(text: str) -> None:
    with pytest.raises(ValidationError):
        Dhcp.model_validate({"lease": text})


def test_fix_is_kept_apart_even_when_the_value_has_a_semicolon() -> None:
    document = yaml.read("s", Blob("", b"version: 1\nsite: 'a; b'\n"))
    _, (problem,) = validate(Site, document.data, document)
    assert problem.what == "'a; b' is not a plain name"
    assert problem.where == Position("s", 2, 7)
