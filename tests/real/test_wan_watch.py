"""Learning the public address: pages, DNS servers and programs that answer well, badly, slowly or not at all."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import dns.resolver
import pytest
from servers import wait_until
from wanlab import NEW, OLD, OTHER, V6, Lab, address, opened

from reconciler.errors import Temporary
from reconciler.state.addresses import ServerAddress
from reconciler.state.wan import Family, WanSource
from reconciler.wan.public import Refusal
from reconciler.watch import public_dns, web, whoami

pytestmark = pytest.mark.real


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    with opened(tmp_path, monkeypatch.setenv) as lab:
        yield lab


def asked(lab: Lab, family: str = "ipv4", **way: object) -> object:
    source = WanSource.model_validate({**way, "family": family})
    said = whoami.ask(source, lambda name: (), (), lab.commands).said
    return said.reason if isinstance(said, Refusal) else str(said)


BAD = [
    (b"<html><body>192.88.99.20</body></html>", "HTML"),
    (b"192.88.99.20 192.88.99.30", "2 addresses"),
    (b"192.88.99.20,192.88.99.30", "2 addresses"),
    (b"3ffe::20", "ipv4 was asked for"),
    (b"x" * 10_000_000, "more than 4096 octets"),
    (b"", "empty"),
    (b" \n", "empty"),
    ("Adresse: 192.88.99.20, gr\u00fc\u00dfe".encode("latin-1"), "not plain text"),
    (b"192.168.1.4", "private"),
    (b"100.64.0.1", "not public"),
    (b"203.0.113.5", "private"),
    (b"192.88.99.020", "no address"),
    (b"192.88.99.20/24", "no address"),
    (b"192.88.99.20\x1b[2J", "no address"),
]


@pytest.mark.parametrize(("answer", "reason"), BAD)
def test_what_a_page_should_not_say_is_refused(lab: Lab, answer: bytes, reason: str) -> None:
    lab.provider.whoami = answer
    said = str(asked(lab, web=lab.provider.page))
    assert reason in said
    assert "20" not in said or "192.88" not in said


@pytest.mark.parametrize("answer", [b"192.88.99.20", b"192.88.99.20\r\n", b"  192.88.99.20 \n"])
def test_a_page_that_says_an_address_is_believed(lab: Lab, answer: bytes) -> None:
    lab.provider.whoami = answer
    assert asked(lab, web=lab.provider.page) == NEW


def test_a_page_without_a_good_certificate_is_not_read(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.provider.whoami = NEW.encode()
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    assert "no secure connection" in str(asked(lab, web=lab.provider.page))
    assert lab.provider.asked == 0


@contextmanager
def raw_server(*parts: bytes, pause: float = 0.0) -> Iterator[str]:
    """An HTTP server that sends these parts, whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ended = threading.Event()

        def serve() -> None:
            try:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(4096)
                    for part in parts:
                        connection.sendall(part)
                        if ended.wait(pause):
                            return
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            ended.set()


HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n",), "sends us elsewhere"),
        ((b"HTTP/1.1 404 Not Found\r\n\r\n192.88.99.20",), "HTTP 404"),
        ((b"SSH-2.0-OpenSSH\r\n",), "no HTTP"),
        ((b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000,), "no HTTP"),
        ((b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,), "no HTTP"),
        ((b"",), "no HTTP"),
    ],
)
def test_what_is_no_plain_answer_is_refused(parts: tuple[bytes, ...], reason: str) -> None:
    with raw_server(*parts) as url, pytest.raises(Temporary, match=reason):
        web.fetch(url, Family.IPV4, timeout=20)


@pytest.mark.parametrize(
    "parts", [[HEAD] + [b"1"] * 1000, [b"H"] * 1000, [b"HTTP/1.1 200 OK\r\n"] + [b"X: y\r\n"] * 90]
)
def test_an_answer_that_drips_is_cut(parts: list[bytes]) -> None:
    with raw_server(*parts, pause=0.3) as url:
        begun = time.monotonic()
        with pytest.raises(Temporary, match="no answer within"):
            web.fetch(url, Family.IPV4, timeout=1.0)
        assert time.monotonic() - begun < 20


def test_a_page_is_asked_by_the_family_that_is_wanted(lab: Lab) -> None:
    assert "no answer" in str(asked(lab, family="ipv6", web=lab.provider.page))


def test_dns_servers_are_asked_straight(lab: Lab) -> None:
    server = f"127.0.0.1:{lab.provider.dns_port}"
    lab.provider.whoami = NEW.encode()
    for rtype in (None, "A", "TXT"):
        assert asked(lab, dns={"name": "whoami.example", "servers": server, "type": rtype}) == NEW
    both = {"name": "whoami.example", "servers": ["127.0.0.1:1", server]}
    assert asked(lab, dns=both) == NEW, "the next server is asked when one does not answer"
    lab.provider.whoami = V6.encode()
    assert asked(lab, family="ipv6", dns={"name": "whoami.example", "servers": server}) == V6
    assert "empty" in str(asked(lab, dns={"name": "nothing.example", "servers": server}))
    txt = {"name": "whoami.example", "servers": server, "type": "TXT"}
    assert "not asked by ipv6" in str(asked(lab, family="ipv6", dns=txt))
    lab.provider.whoami = b"10.0.0.1"
    assert "private" in str(asked(lab, dns=txt))


def test_a_program_of_this_node_is_run_by_its_name(lab: Lab) -> None:
    lab.commands.update(good=["/bin/echo", NEW], bad=["/bin/false"], gone=["/nonexistent"])
    assert asked(lab, command="good") == NEW
    assert "exit code 1" in str(asked(lab, command="bad"))
    assert "not installed" in str(asked(lab, command="gone"))
    assert "no other under `commands:`" in str(asked(lab, command="other"))


def test_sources_are_asked_no_more_often_than_configured(lab: Lab) -> None:
    lab.provider.whoami = NEW.encode()
    with lab.term(lab.wan(every="3600", publish=[])) as term:
        wait_until(lambda: address(term)["address"] == NEW, timeout=60)
        for _ in range(20):
            term._watch._worker.kick()  # type: ignore[union-attr]
            time.sleep(0.01)
        assert lab.provider.asked == 1


def test_answers_that_disagree_change_nothing(lab: Lab) -> None:
    lab.provider.whoami = NEW.encode()
    lab.commands["who"] = ["/bin/cat", str(lab.folder / "said")]
    (lab.folder / "said").write_text(NEW)
    watch = [{"web": lab.provider.page}, {"command": "who"}]
    with lab.term(lab.wan(watch=watch, agree="2", publish=[])) as term:
        wait_until(lambda: address(term)["address"] == NEW, timeout=60)
        assert len(address(term)["by"]) == 2
        (lab.folder / "said").write_text(OTHER)
        wait_until(lambda: "they disagree" in address(term)["problem"], timeout=60)
        assert address(term)["address"] == NEW
        lab.provider.whoami = OTHER.encode()
        wait_until(lambda: address(term)["address"] == OTHER, timeout=60)
    assert [news.address for news in lab.news] == [NEW, OTHER]


def test_a_second_source_stands_in_for_the_first(lab: Lab) -> None:
    lab.provider.whoami = b"<html>"
    lab.commands["who"] = ["/bin/echo", NEW]
    with lab.term(lab.wan(watch=[{"web": lab.provider.page}, {"command": "who"}], publish=[])) as term:
        wait_until(lambda: address(term)["address"] == NEW, timeout=60)
        assert address(term)["by"] == ["command who"]
        lab.provider.whoami = NEW.encode()
        wait_until(lambda: address(term)["by"] == [f"web {lab.provider.page}"], timeout=60)


def test_since_when_is_known_after_a_failover(lab: Lab) -> None:
    lab.provider.whoami = NEW.encode()
    with lab.term(lab.wan(publish=[])) as term:
        wait_until((lab.state / "ddclient/wan.json").exists, timeout=60)
        since = address(term)["since"]
    with lab.term(lab.wan(publish=[])) as term:
        wait_until(lambda: address(term)["address"] == NEW, timeout=60)
        assert address(term)["since"] == since
    assert [news.result for news in lab.news] == ["found"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"found": 3}', '{"found": {"ipv4": {"address": "x"}}, "records": []}']
)
def test_a_damaged_record_is_passed_over(lab: Lab, text: str) -> None:
    (lab.state / "ddclient").mkdir()
    (lab.state / "ddclient/wan.json").write_text(text)
    lab.provider.whoami = NEW.encode()
    lab.names(NEW)
    with lab.term(lab.wan()) as term:
        wait_until(lambda: address(term)["address"] == NEW, timeout=60)


def test_a_domains_own_name_servers_are_found_and_asked(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.names(OLD)
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = lab.provider.dns_port
    assert public_dns.authoritative("www.example.net.", resolver) == [ServerAddress(ip_address("127.0.0.1"))]
    server = ServerAddress(ip_address("127.0.0.1"), lab.provider.dns_port)
    monkeypatch.setattr(public_dns, "authoritative", lambda domain: [server])
    seen = public_dns.look("example.net.", ["example.net.", "nothing.example.net."], Family.IPV4, ())
    assert seen.addresses == {"example.net.": {OLD}, "nothing.example.net.": frozenset()}
