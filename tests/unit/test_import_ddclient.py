"""ddclient.conf as values; passwords are never shown."""

from pathlib import Path

import pytest

from reconciler.errors import Refused
from reconciler.importing.ddclient import read_ddclient
from reconciler.importing.found import Fate, FoundWan


def read(tmp_path: Path, text: str) -> FoundWan:
    (tmp_path / "ddclient.conf").write_text(text)
    return read_ddclient("/ddclient.conf", root=tmp_path)


NAMECHEAP = """\
# Configuration file for ddclient
daemon=300
ssl=yes
use=web, web=dynamicdns.park-your-domain.com/getip
protocol=namecheap, \\
server=dynamicdns.park-your-domain.com, \\
login=thesteins.org, \\
password='s3cret#x, y' \\
@, imap,smtp
"""


def test_namecheap_as_in_the_field(tmp_path: Path) -> None:
    found = read(tmp_path, NAMECHEAP)
    (item,) = found.publications
    assert (item.protocol, item.domain, item.names) == ("namecheap", "thesteins.org.", ("@", "imap", "smtp"))
    assert (item.server, item.login, item.tls) == ("", "", True)
    assert found.watch == (("web", "https://dynamicdns.park-your-domain.com/getip", "ipv4"),)
    (secret,) = found.secrets
    assert (secret.name, secret.value, secret.where) == (item.secret, "s3cret#x, y", "/ddclient.conf:5")
    assert "s3cret" not in repr(found)
    assert all("s3cret" not in line.text + line.note for line in found.lines)


def test_one_that_nobody_filled_in(tmp_path: Path) -> None:
    """As Debian's package leaves it."""
    found = read(tmp_path, "protocol=noip \\\nuse=web, web=noip-ipv4 \\\nlogin= \\\npassword='' \\\n\n")
    assert found.publications == ()
    assert found.secrets == ()


def test_several_accounts_and_the_old_form(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "use=if, if=eth0\nprotocol=dyndns2\nlogin=me\npassword=first\n"
        "server=members.dyndns.org a.example.org,b.example.org\n"
        "server=members.dyndns.org c.example.org\n"
        "protocol=cloudflare, zone=example.net, ttl=120, ssl=no, password=tok www.example.net\n"
        "protocol=dyndns2 x.example.com you second third-word\n",
    )
    assert [(item.protocol, item.domain, item.names, item.login) for item in found.publications] == [
        ("dyndns2", "example.org.", ("a", "b", "c"), "me"),
        ("cloudflare", "example.net.", ("www",), "me"),
        ("dyndns2", "example.com.", ("x",), "you"),
    ]
    assert [secret.value for secret in found.secrets] == ["first", "tok", "second"]
    assert (found.publications[1].zone, found.publications[1].ttl, found.publications[1].tls) == (
        "example.net",
        "120",
        False,
    )
    assert found.watch == (("interface", "eth0", "ipv4"),)
    assert "second" not in " ".join(line.text for line in found.lines)


def test_a_second_account_for_one_domain_is_left(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "protocol=dyndns2, login=a, password=x one.example.org\n"
        "protocol=dyndns2, login=b, password=y two.example.org\n",
    )
    assert len(found.publications) == 1
    assert [line.fate for line in found.lines] == [Fate.TAKEN, Fate.LEFT]


@pytest.mark.parametrize(
    ("ways", "watch", "said"),
    [
        ("usev4=webv4, webv4=ipify-ipv4", ("web", "https://api.ipify.org/", "ipv4"), ""),
        ("usev6=ifv6, ifv6=eth0", ("interface", "eth0", "ipv6"), ""),
        ("use=cmd, cmd=/bin/ip", ("web", "https://api.ipify.org/", "ipv4"), "use=cmd has no form"),
        ("use=web, web=dyndns", ("web", "https://api.ipify.org/", "ipv4"), "use=web has no form"),
        ("use=web, web=x.org/ip, web-skip='is'", ("web", "https://api.ipify.org/", "ipv4"), "use=web has no form"),
        ("", ("web", "https://api.ipify.org/", "ipv4"), "guessed"),
    ],
)
def test_ways_to_learn_the_address(tmp_path: Path, ways: str, watch: tuple[str, str, str], said: str) -> None:
    found = read(tmp_path, f"{ways}\nprotocol=dyndns2, login=a, password=x one.example.org\n")
    assert found.watch == (watch,)
    assert said in " ".join(line.note for line in found.lines)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file"):
        read_ddclient("/nowhere", root=tmp_path)


def test_secrets_of_proxies_pages_and_programs_are_not_told(tmp_path: Path) -> None:
    (tmp_path / "ddclient.conf").write_text(
        "proxy=http://me:s3cret@proxy.example/\n"
        "use=web, web=https://s3cret@ip.example/\n"
        "usev6=cmdv6, cmdv6='get --password s3cret'\n"
        "protocol=dyndns2, login=x, password=s3cret a.example.org\n"
    )
    found = read_ddclient("/ddclient.conf", root=tmp_path)
    assert len(found.lines) == 4
    assert "s3cret" not in str(found.lines)
