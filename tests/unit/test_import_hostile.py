"""Whatever stands in the old files: a state that the checks let through, or one sentence; never anything else."""

import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import ReconcilerError, Refused
from reconciler.importing import source, told
from reconciler.importing.bind.compiled import compiled
from reconciler.importing.bind.places import Places
from reconciler.importing.ddclient import read_ddclient
from reconciler.importing.dnsmasq.read import read_dnsmasq
from reconciler.importing.found import FoundDhcp, FoundDns, FoundWan
from reconciler.importing.join import join

KEYS = st.sampled_from(
    """dhcp-range dhcp-host dhcp-option domain server local host-record interface listen-address local-ttl neg-ttl cname
    mx-host srv-host txt-record ptr-record naptr-record caa-record dns-rr address conf-file conf-dir addn-hosts hostsdir
    dhcp-hostsfile read-ethers ra-param enable-ra no-resolv surprise resolv-file dhcp-leasefile port""".split()  # noqa: SIM905
)
WORD = st.one_of(
    st.sampled_from(
        """192.168.1.1 192.168.1.0/24 192.168.1.9 10.0.0.5 0.0.0.0 255.255.255.0 fd00::1 [fd00::2] :: ::1 [::5]
        fe80::1%eth0 12h infinite ignore 52:54:00:12:34:56 52:54:00:12:34:5*
        id:x set:a tag:a tag:!a eth0 lo eth0.1 a b.a a.example.org
        example.org /x/ /a.example.org/1.2.3.4 option:router option6:dns-server option:dns-server 3 6 64 0 70000 static
        constructor:eth0 ra-only slaac ra-names proxy # "" /etc/hosts /etc/dnsmasq.conf /etc 1.1.168.192.in-addr.arpa
        *.example.org . .. -a- no ~ null <<""".split()  # noqa: SIM905
    ),
    st.text(max_size=12),
)
LINE = st.builds(
    lambda key, words, equals: f"{key}{equals}{','.join(words)}",
    KEYS,
    st.lists(WORD, max_size=5),
    st.sampled_from("= "),
)
HOSTS = st.builds(" ".join, st.lists(WORD, max_size=5))


def silent(text: str) -> None:
    """No word."""


@settings(max_examples=400, deadline=None)
@given(st.lists(LINE, max_size=12), st.lists(HOSTS, max_size=6), st.lists(HOSTS, max_size=4))
def test_dnsmasq(conf: list[str], hosts: list[str], ethers: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "etc").mkdir()
        for name, lines in (("dnsmasq.conf", conf), ("hosts", hosts), ("ethers", ethers)):
            (root / "etc" / name).write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
        try:
            found = read_dnsmasq("/etc/dnsmasq.conf", ethers="/etc/ethers", root=root)
            joined = join(FoundDns(), found, FoundWan(), site="test", progress=silent)
        except ReconcilerError as error:
            assert "has mistakes" not in str(error), error
            return
    assert joined.settled.site.name == "test"


PAIR = st.builds(
    lambda key, value: f"{key}={value}",
    st.sampled_from(
        """protocol login password server zone ttl ssl use usev4 usev6 web webv4 if ifv6 host apikey wildcard
        daemon""".split()  # noqa: SIM905
    ),
    st.one_of(
        st.sampled_from(
            [
                "namecheap",
                "dyndns2",
                "nsupdate",
                "a.example.org",
                "example.org",
                "'x",
                "y'",
                '"q"',
                "no",
                "yes",
                "web",
                "if",
                "eth0",
                "x.org/ip",
            ]
        ),
        st.text(max_size=8),
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.builds(" ".join, st.lists(st.one_of(PAIR, WORD), max_size=5)), max_size=6))
def test_ddclient(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "ddclient.conf").write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
        try:
            found = read_ddclient("/ddclient.conf", root=Path(folder))
            joined = join(FoundDns(), FoundDhcp(), found, site="test", progress=silent)
        except ReconcilerError as error:
            assert "has mistakes" not in str(error), error
            return
    assert joined.settled.site.name == "test"


@pytest.mark.parametrize(
    "name", ["/dev/zero", "/proc/kmsg", "/proc/self/mem", "fifo", "loop", "folder", "sparse", "a\0b"]
)
def test_files_that_never_end_or_never_answer(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(1 << 40)
    started = time.monotonic()
    try:
        assert source.read(tmp_path / name, source.LIMIT) == b"", "what the kernel makes up has no size"
    except source.Unreadable as error:
        assert str(error)
    assert time.monotonic() - started < 30


def test_a_journal_that_would_be_waited_for(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("@ 60 IN SOA a. b. 1 1 1 1 1\n@ 60 IN NS a.\n")
    os.mkfifo(tmp_path / "db.jnl")
    (tmp_path / "named.conf").write_text('zone "example.org" { type master; file "db"; };')
    with pytest.raises(Refused, match="no journal"):
        compiled("example.org", tmp_path / "db", Places(tmp_path / "named.conf"))


def test_what_is_said_is_short_and_steers_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("10.0.0.1 " + "a" * 100_000 + "\n")
    (tmp_path / "conf").write_text("conf-file=/x\x1b[2J\naddn-hosts=/y\x9b2J\naddn-hosts=/hosts\n")
    found = read_dnsmasq("/conf", root=tmp_path)
    joined = join(FoundDns(), found, FoundWan(), site="test", progress=silent)
    lines = [*told.summary(joined), *told.report(joined).splitlines()]
    assert any("/x\ufffd[2J" in line for line in lines), lines
    assert all(line.isprintable() and len(line) < 500 for line in lines)
