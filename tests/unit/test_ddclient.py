"""ddclient's configuration, cache and words."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Refused
from reconciler.services.ddclient import cache, outcome, program, render, secrets
from reconciler.state.wan import Family, Wan, WanPublish
from reconciler.wan.publication import Cached, Outcome

NEW = ip_address("192.88.99.20")


def item(**options: Any) -> WanPublish:
    default = {"protocol": "namecheap", "domain": "thesteins.org", "names": ["@", "imap"]}
    return WanPublish.model_validate({**default, **options})


def test_the_seeds_configuration() -> None:
    made = render.configuration(item(password={"secret": "n"}), "0123abc", {})
    assert made.content.decode() == ("protocol=namecheap\nssl=yes\nlogin=thesteins.org\npassword='0123abc'\n@,imap\n")
    assert made.hosts == ("@", "imap")
    assert made.secrets == ("0123abc",)


def test_other_protocols_take_whole_names_and_their_options() -> None:
    options = {"protocol": "cloudflare", "zone": "thesteins.org", "ttl": "120", "server": "127.0.0.1:8443"}
    made = render.configuration(item(**options, options={"static": "yes"}, tls="no"), "x#y=z", {"apikey": "a=b"})
    assert made.content.decode().splitlines() == [
        "protocol=cloudflare",
        "ssl=no",
        "server=127.0.0.1:8443",
        "zone=thesteins.org",
        "ttl=120",
        "static=yes",
        "apikey=a=b",
        "password='x#y=z'",
        "thesteins.org,imap.thesteins.org",
    ]


def test_ids_stand_for_names() -> None:
    made = render.configuration(item(protocol="sitelutions", names=["www"], ids={"www": "123"}), None, {})
    assert made.content.decode().splitlines()[-1] == "123"
    assert render.full_names(item(names=["@", "*", "a.b"])) == (
        "thesteins.org.",
        "*.thesteins.org.",
        "a.b.thesteins.org.",
    )


@pytest.mark.parametrize("secret", ["it's", "two words", "zwei\nx", "q\x00q", "ä", "", "q&q", "q#q"])
def test_secrets_that_do_not_fit_are_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(Refused) as refused:
        render.configuration(item(), secret, {})
    assert not secret or secret not in str(refused.value)


@given(st.text(min_size=1, max_size=20), st.sampled_from(["server", "login"]))
def test_no_value_brings_a_line_or_option_of_its_own(text: str, key: str) -> None:
    made = WanPublish.model_construct(**{**dict(item(protocol="dyndns2")), key: text})
    try:
        lines = render.configuration(made, None, {}).content.decode().splitlines()
    except Refused:
        return
    assert f"{key}={text}" in lines
    assert re.fullmatch(r"[!-~]+", text) and not set(text) & set("'\"\\#,=")


def test_the_digest_follows_the_secret_and_the_name_is_the_publications() -> None:
    one, two = (render.configuration(item(), word, {}).digest for word in ("one", "two"))
    assert one != two
    assert render.identity(item()) == "thesteins.org.namecheap.ipv4"


CACHE = b"""\
## ddclient-3.10.0
## last updated at Mon Nov 30 14:21:08 2026 (1796048468)
atime=0,host=@,ip=192.88.99.20,mtime=1796048468,status=good,status-ipv4=noconnect,status-ipv6=noconnect,wtime=30 @
atime=1796048468,host=www,mtime=0,status=noconnect,status-ipv4=noconnect,wtime=0 www
atime=1,ipv4=192.88.99.20,ipv6=3ffe::20,mtime=5,status-ipv4=good,status-ipv6=badauth,wtime=1796049000 home.example.net
"""


@pytest.mark.parametrize(
    ("hosts", "family", "wanted"),
    [
        (["@"], "ipv4", Cached("192.88.99.20", True, 1796048468.0, 0.0)),
        (["www"], "ipv4", Cached("", False, 0.0, 0.0)),
        (["@", "www"], "ipv4", Cached("", False, 1796048468.0, 0.0)),
        (["home.example.net"], "ipv4", Cached("192.88.99.20", True, 5.0 * 0, 1796049000.0)),
        (["home.example.net"], "ipv6", Cached("3ffe::20", False, 0.0, 1796049000.0)),
        (["other"], "ipv4", Cached()),
        (["@", "other"], "ipv4", Cached("", False, 1796048468.0, 0.0)),
    ],
)
def test_the_cache_of_both_releases(hosts: list[str], family: str, wanted: Cached) -> None:
    assert cache.summary(cache.parse(CACHE), hosts, Family(family)) == wanted


@given(st.binary(max_size=300) | st.integers(0, len(CACHE)).map(lambda end: CACHE[:end]))
def test_a_damaged_cache_is_read_as_far_as_it_goes(data: bytes) -> None:
    for family in Family:
        assert cache.summary(cache.parse(data), ["@", "www"], family).good in (True, False)


GOOD = {"@": {"ip": "192.88.99.20", "status": "good"}}


@pytest.mark.parametrize(
    ("code", "output", "entries", "result"),
    [
        (0, "", GOOD, Outcome.GOOD),
        (1, "FAILED:   updating @: x", GOOD, Outcome.FAILED),
        (0, "", {"@": {"ip": "192.88.99.10", "status": "good"}}, Outcome.FAILED),
        (0, "", {"@": {"ip": "", "status": "noconnect"}}, Outcome.FAILED),
        (0, "", {}, Outcome.FAILED),
        (1, "", {"@": {"status": "badauth"}}, Outcome.REFUSED),
        (1, "", {"@": {"status": "abuse"}}, Outcome.REFUSED),
        (1, "", {"@": {"status": "!yours"}}, Outcome.REFUSED),
        (1, "", {"@": {"status": "911"}}, Outcome.FAILED),
        (1, "FAILED:   updating @: authorization failed (HTTP/1.1 401)", {}, Outcome.REFUSED),
        (1, "WARNING: <Err1>Passwords do not match</Err1>", {"@": {"status": "failed"}}, Outcome.REFUSED),
    ],
)
def test_exit_code_words_and_cache_are_judged_together(code: int, output: str, entries: Any, result: Outcome) -> None:
    judged = outcome.judge(code, output, entries, ["@"], NEW, Family.IPV4)
    assert judged.outcome is result
    assert judged.text


def test_what_the_provider_says_to_wait_is_kept() -> None:
    entries = {"@": {"status": "w30m", "wtime": "1796049000"}}
    assert outcome.judge(0, "", entries, ["@"], NEW, Family.IPV4).wait_until == 1796049000


def test_an_update_that_was_skipped_is_not_an_update() -> None:
    output = "WARNING:  skipping update of @ from 192.88.99.10 to 192.88.99.20.\nWARNING:  Wait at least 5 minutes"
    judged = outcome.judge(0, output, {"@": {"ip": "192.88.99.10", "status": "good"}}, ["@"], NEW, Family.IPV4)
    assert (judged.outcome, judged.text) == (Outcome.FAILED, "ddclient skipped it: the last update is too recent")


@given(st.text("abc&=/+%é", min_size=4, max_size=12))
def test_scrubbed_output_has_no_secret(secret: str) -> None:
    from urllib.parse import quote, quote_plus

    text = outcome.scrub(f"SENT: https://h/?p={secret}&q={quote(secret)}&r={quote_plus(secret)}\x1b[0m", [secret])
    assert secret not in text and "\x1b" not in text
    assert quote_plus(secret) not in text


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ((3, 10), ["-use=ip", "-ip=192.88.99.20"]),
        ((3, 9), ["-use=ip", "-ip=192.88.99.20"]),
        ((4, 0), ["-use=disabled", "-usev4=ipv4", "-ipv4=192.88.99.20", "-usev6=disabled"]),
    ],
)
def test_both_dialects(version: tuple[int, int], wanted: list[str]) -> None:
    argv = program.argv(program.Program("/usr/bin/ddclient", version), Path("/c"), Path("/k"), NEW)
    assert argv[-len(wanted) :] == wanted
    assert "-force" not in argv and "-daemon=0" in argv


def test_dialect_of_ipv6() -> None:
    argv = program.argv(program.Program("d", (4, 0)), Path("/c"), Path("/k"), ip_address("3ffe::20"))
    assert argv[-3:] == ["-usev6=ipv6", "-ipv6=3ffe::20", "-usev4=disabled"]


def test_what_of_a_node_is_missing_is_told_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("it's")
    (tmp_path / "empty").write_text("\n")
    ways = [item(password={"secret": name}) for name in ("gone", "bad", "empty")]
    said = secrets.complaints(Wan(publish=ways), tmp_path, ())
    assert [("No such file" in said[0]), ("password: has" in said[1]), ("is empty" in said[2])] == [True] * 3
    assert "it's" not in str(said)


def test_nsupdate_is_told_the_path_of_its_key(tmp_path: Path) -> None:
    way = item(protocol="nsupdate", password={"secret": "key"})
    password, _ = secrets.read_secrets(way, tmp_path, ())
    assert password == str(tmp_path / "key")
    assert render.configuration(way, password, {}).secrets == ()
    with pytest.raises(Refused, match="to a shell"):
        secrets.read_secrets(way, Path("/x;y"), ())


def test_who_may_push_cannot_have_secrets_sent_to_a_server_of_his_own(tmp_path: Path) -> None:
    (tmp_path / "n").write_text("word")
    way = item(server="evil.example", password={"secret": "n"})
    with pytest.raises(Refused, match="no secret is sent there"):
        secrets.read_secrets(way, tmp_path, ["good.example"])
    assert secrets.read_secrets(way, tmp_path, ["evil.example"])[0] == "word"
    assert secrets.read_secrets(item(password={"secret": "n"}), tmp_path, ())[0] == "word"
