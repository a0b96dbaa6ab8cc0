"""Publishing the public address with the real ddclient, at a provider on loopback."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import wait_until
from wanlab import (
    ALONE,
    NEW,
    OLD,
    OTHER,
    PASSWORD,
    TOGETHER,
    V6,
    Lab,
    address,
    arguments_of_children,
    is_published,
    opened,
    publication,
    says,
)

from reconciler.errors import Temporary

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("ddclient") is None, reason="ddclient is not installed"),
]

PROTOCOLS = ("namecheap", "dyndns2")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    with opened(tmp_path, monkeypatch.setenv) as lab:
        lab.names(OLD)
        lab.provider.whoami = NEW.encode()
        yield lab


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_address_is_sent_once_and_counts_when_seen(
    lab: Lab, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []
    done = threading.Event()
    watcher = threading.Thread(target=lambda: seen.extend(_sampled(done)), daemon=True)
    watcher.start()
    try:
        with lab.term(lab.wan(publish=[lab.publication(protocol)])) as term:
            is_published(term, NEW)
            document = term.document()
    finally:
        done.set()
        watcher.join()
    assert lab.sent() == [NEW] * len(set(lab.provider.updates))
    assert document and document["healthy"]
    assert [news.result for news in lab.news] == ["found", "published"]
    folder = lab.state / "ddclient"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.suffix for path in folder.iterdir()} == {".json", ".conf", ".cache"}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())
    assert any("ddclient" in text for text in seen), "no ddclient was caught at work"
    for text in (*seen, caplog.text, str(document), str(lab.news), (folder / "wan.json").read_text()):
        assert PASSWORD not in text


def _sampled(done: threading.Event) -> list[str]:
    found: set[str] = set()
    while not done.wait(0.005):
        found.update(arguments_of_children().split("\n"))
    return list(found)


def test_what_public_dns_has_already_is_not_sent(lab: Lab) -> None:
    lab.names(NEW)
    with lab.term(lab.wan()) as term:
        is_published(term, NEW)
    assert lab.sent() == []
    with lab.term(lab.wan()) as term:
        wait_until(lambda: publication(term)["state"] == "published", timeout=60)
    assert [news.result for news in lab.news] == ["found", "published"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("reply", "result"), [("badauth", "refused"), ("abuse", "refused"), ("500", "failed"), ("garbage", "failed")]
)
def test_a_failure_is_told_and_not_repeated_at_once(lab: Lab, protocol: str, reply: str, result: str) -> None:
    lab.provider.reply = reply
    with lab.term(lab.wan(publish=[lab.publication(protocol)])) as term:
        wait_until(lambda: publication(term)["stuck"], timeout=60, what=str(publication(term)))
        wait_until(lambda: lab.provider.asked > 2, timeout=60)
        shown = publication(term)
        document = term.document()
    assert shown["confirmed"] is None
    assert shown["sent"]["result"] == result, shown
    assert document and not document["healthy"]
    assert sorted(lab.provider.updates) == [("example.net.", NEW), ("www.example.net.", NEW)]
    assert [news.result for news in lab.news] == ["found", result]
    assert PASSWORD not in str(shown) + str(lab.news)


def test_a_wrong_password_is_final_until_it_changes(lab: Lab) -> None:
    (lab.secrets / "provider").write_text("wrong-one")
    with lab.term(lab.wan(publish=[lab.publication(names=["@"])])) as term:
        wait_until(lambda: publication(term)["stuck"], timeout=60)
        assert publication(term)["sent"]["result"] == "refused", publication(term)
        assert "wrong-one" not in str(publication(term))
        assert len(lab.sent()) == 1
        (lab.secrets / "provider").write_text(PASSWORD)
        is_published(term, NEW)
    assert len(lab.sent()) == 2


def test_silence_is_waited_for_in_bounds(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.services.ddclient.program.TIMEOUT", 1)
    lab.provider.reply = "silence"
    with lab.term(lab.wan(publish=[lab.publication(names=["@"])])) as term:
        wait_until(lambda: publication(term)["stuck"], timeout=60)
        assert publication(term)["sent"]["result"] == "failed"
    assert lab.sent() == [NEW]


def test_nochg_is_good(lab: Lab) -> None:
    lab.provider.reply = "nochg"
    with lab.term(lab.wan(publish=[lab.publication("dyndns2", names=["@"])])) as term:
        says(term, "sent, not seen yet")
        assert publication(term)["confirmed"] is None
        lab.names(NEW)
        is_published(term, NEW)
    assert lab.sent() == [NEW]


def test_a_provider_whose_certificate_is_not_trusted_is_told_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    lab.commands["who"] = ["/bin/echo", NEW]
    with lab.term(lab.wan(watch=[{"command": "who"}])) as term:
        wait_until(lambda: publication(term)["stuck"], timeout=60)
        assert publication(term)["sent"]["result"] == "failed"
    assert lab.sent() == []


def test_ipv6_has_a_publication_of_its_own(lab: Lab) -> None:
    lab.commands["who"] = ["/bin/echo", V6]
    wan = lab.wan(
        watch=[{"command": "who", "family": "ipv6"}],
        publish=[lab.publication("dyndns2", names=["@"], family="ipv6")],
    )
    with lab.term(wan) as term:
        is_published(term, V6)
    assert lab.sent() == [V6]


def test_an_address_that_comes_for_a_moment_is_not_sent(lab: Lab) -> None:
    lab.names(NEW)
    with lab.term(lab.wan(settle="4")) as term:
        is_published(term, NEW)
        lab.provider.whoami = OTHER.encode()
        wait_until(lambda: address(term)["address"] == OTHER, timeout=60)
        lab.provider.whoami = NEW.encode()
        wait_until(lambda: address(term)["address"] == NEW, timeout=60)
        wait_until(lambda: publication(term)["state"] == "published", timeout=60)
    assert lab.sent() == []


def test_one_half_of_a_split_brain_publishes_nothing_until_somebody_says_so(lab: Lab) -> None:
    lab.role.replication = ALONE
    with lab.term(lab.wan()) as term:
        says(term, "the other node is not connected")
        assert term.document()["healthy"] is False  # type: ignore[index]
        assert lab.sent() == []
        term.publish("ada", alone=False)
        wait_until(lambda: any(news.result == "asked" for news in lab.news + term.news()), timeout=60)
        says(term, "the other node is not connected")
        assert lab.sent() == []
        term.publish("ada", alone=True)
        is_published(term, NEW)


def test_with_its_peer_or_by_the_sites_word_a_node_publishes(lab: Lab) -> None:
    lab.role.replication = TOGETHER
    with lab.term(lab.wan()) as term:
        is_published(term, NEW)
    lab.role.replication = ALONE
    lab.provider.whoami = OTHER.encode()
    lab.provider.updates.clear()
    with lab.term(lab.wan(when_alone="yes", publish=[lab.publication("dyndns2", names=["@"])])) as term:
        is_published(term, OTHER)


def test_a_standby_asks_nobody_and_sends_nothing(lab: Lab) -> None:
    with lab.term(lab.wan()) as term:
        is_published(term, NEW)
        lab.role.primary = False
        lab.provider.whoami = OTHER.encode()
        says(term, "not primary, so did not")
    assert OTHER not in lab.sent()


def test_nothing_is_sent_while_the_name_servers_cannot_be_asked(lab: Lab) -> None:
    closed = lab.publication(confirm=["127.0.0.1:1"])
    with lab.term(lab.wan(publish=[closed])) as term:
        says(term, "nothing is sent before the name servers can be asked")
    assert lab.sent() == []


def test_nothing_is_sent_in_a_pause(lab: Lab) -> None:
    lab.paused = "by ada"
    with lab.term(lab.wan()) as term:
        says(term, "paused: by ada")
    assert lab.sent() == []


def test_without_ddclient_it_is_said_what_to_do(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with lab.term(lab.wan(settle="2")) as term:
        monkeypatch.setenv("PATH", "/nonexistent")
        says(term, "ddclient is not installed; on Debian and Ubuntu: apt-get install ddclient")


def test_a_stop_while_sending_ends_ddclient_and_the_next_term_finds_out(lab: Lab) -> None:
    lab.provider.reply = "silence"
    with lab.term(lab.wan(publish=[lab.publication(names=["@"])])) as term:
        wait_until(lambda: lab.sent() == [NEW], timeout=60)
        begun = time.monotonic()
    assert time.monotonic() - begun < 15
    assert "ddclient" not in [part for part in arguments_of_children().split("\0") if part.endswith("/ddclient")]
    lab.provider.reply = "good"
    with lab.term(lab.wan(publish=[lab.publication(names=["@"])])) as term:
        says(term, "how the last sending ended is not known yet")
        lab.names(NEW)
        is_published(term, NEW)
    assert lab.sent() == [NEW]
    assert [news.result for news in lab.news] == ["found", "published"]


def test_what_ddclients_cache_knows_is_not_sent_again(lab: Lab) -> None:
    lab.provider.shows = False
    with lab.term(lab.wan()) as term:
        says(term, "sent, not seen yet")
    count = len(lab.sent())
    record = lab.state / "ddclient/wan.json"
    record.unlink()
    with lab.term(lab.wan()) as term:
        says(term, "sent, not seen yet")
        lab.names(NEW)
        is_published(term, NEW)
    assert len(lab.sent()) == count == 2


def test_secrets_of_what_is_published_no_more_are_removed(lab: Lab) -> None:
    with lab.term(lab.wan()) as term:
        is_published(term, NEW)
    with lab.term(lab.wan(publish=[lab.publication("dyndns2", names=["@"])])) as term:
        is_published(term, NEW)
        assert not list((lab.state / "ddclient").glob("example.net.namecheap.*.conf"))


def test_why_there_is_nothing_to_publish_is_told(lab: Lab) -> None:
    with lab.term(lab.wan(publish=[])) as term, pytest.raises(Temporary, match=r"site\.yaml has no `publish:`"):
        term.publish("ada", alone=False)
    with pytest.raises(Temporary, match="this node is standby"):
        term.publish("ada", alone=False)
