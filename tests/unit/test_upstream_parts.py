"""Addresses of forges and what is shown of them; work that is repeated."""

import threading
from collections.abc import Iterator
from itertools import islice, repeat
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Temporary
from reconciler.git import forge
from reconciler.git.replay import _marked
from reconciler.watch.repeat import Repeater, growing

GOOD = [
    "git@forge.example:net/state.git",
    "ssh://git@h:22/x",
    "https://h/x",
    "git://h/x",
    "/srv/x.git",
    "file:///srv/x",
]
BAD = [
    "ext::sh -c id",
    "ext::id",
    "fd::3",
    "http://h/x",
    "ftp://h/x",
    "-oProxyCommand=id",
    "x/y",
    "https://h/a b",
    "h:x\n",
]


@pytest.mark.parametrize("url", GOOD)
def test_addresses_that_are_taken(url: str) -> None:
    assert forge.fault(url) == ""


@pytest.mark.parametrize("url", BAD)
def test_addresses_that_are_not(url: str) -> None:
    assert forge.fault(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ann:pw@h:1/x", "https://h:1/x"),
        ("https://token@h/x?private_token=1#y", "https://h/x"),
        ("ssh://git:pw@h/x", "ssh://git@h/x"),
        ("ssh://git@h/x", "ssh://git@h/x"),
        ("git@h:x/y.git", "git@h:x/y.git"),
        ("/srv/x", "/srv/x"),
    ],
)
def test_addresses_are_shown_without_what_may_be_a_secret(url: str, shown: str) -> None:
    assert forge.shown(url) == shown


SECRETS = st.text("abcdefgh0123456789@:-_", min_size=1).map("s3cr".__add__)


@given(SECRETS, SECRETS, st.sampled_from(["https", "git"]), st.text("xyz \n\x1b\u202e"))
def test_no_secret_of_the_address_is_left_in_what_git_says(user: str, password: str, scheme: str, around: str) -> None:
    url = f"{scheme}://{quote(user)}:{quote(password)}@host/path"
    said = f"{around}fatal: {url}/info: user {user}, {password} or {quote(password)}\n{around}"
    told = forge.scrub(said, url)
    assert "s3cr" not in told
    assert told.isprintable()
    assert len(told) < 500


def test_credentials_of_other_addresses_go_too() -> None:
    assert forge.scrub("redirected to https://bob:pw@other/x", "/srv/x") == "redirected to https://other/x"


def test_a_carried_commit_tells_its_first_id_as_a_trailer() -> None:
    assert _marked(b"a\n\nNode: x\nZones: y\n  z\n", "1") == b"a\n\nNode: x\nZones: y\n  z\nFirst-written-as: 1\n"
    assert _marked(b"a\n\nwords\n", "1") == b"a\n\nwords\n\nFirst-written-as: 1\n"
    assert _marked(b"a: b\n", "1") == b"a: b\n\nFirst-written-as: 1\n"


def test_delays_grow_to_a_bound_and_are_never_shorter_than_the_first() -> None:
    assert list(islice(growing(60, 600), 6)) == [60, 120, 240, 480, 600, 600]
    assert list(islice(growing(3600, 600), 3)) == [3600, 3600, 3600]


class Work:
    """Something to repeat, which says how often it was done, and can be made to fail or to wait."""

    def __init__(self) -> None:
        self.count = 0
        self.failure: Exception | None = None
        self.done = threading.Event()
        self.go = threading.Event()
        self.go.set()

    def __call__(self) -> int:
        assert self.go.wait(30)
        self.count += 1
        self.done.set()
        if self.failure is not None:
            raise self.failure
        return self.count


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def repeater(work: Work) -> Iterator[Repeater[int]]:
    made = Repeater("work", work, pause=lambda: None, tries=lambda: repeat(3600.0))
    made.start()
    yield made
    work.go.set()
    made.stop()


def test_it_is_done_at_the_start_when_asked_and_when_poked(work: Work, repeater: Repeater[int]) -> None:
    assert repeater.now().result(30) in (1, 2)
    work.done.clear()
    repeater.poke()
    assert work.done.wait(30)
    assert repeater.alive()


def test_who_asks_gets_a_call_that_begins_later(work: Work) -> None:
    work.go.clear()
    made = Repeater("work", work, pause=lambda: None, tries=lambda: repeat(3600.0))
    made.start()
    while made._due is not None:
        pass
    asked = [made.now(), made.now()]
    work.go.set()
    assert [each.result(30) for each in asked] == [2, 2]
    made.stop()


def test_a_failure_is_told_and_a_poke_does_not_cut_its_delay_short(work: Work, repeater: Repeater[int]) -> None:
    repeater.now().result(30)
    work.failure = Temporary("away")
    with pytest.raises(Temporary):
        repeater.now().result(30)
    assert repeater.problem == "away"
    count = work.count
    repeater.poke()
    assert repeater._due is not None
    work.failure = None
    assert repeater.now().result(30) == count + 1
    assert repeater.problem is None


def test_a_mistake_of_our_own_ends_neither_thread_nor_who_asks(work: Work, repeater: Repeater[int]) -> None:
    repeater.now().result(30)
    work.failure = ZeroDivisionError("x")
    with pytest.raises(ZeroDivisionError):
        repeater.now().result(30)
    work.failure = None
    repeater.now().result(30)


def test_after_the_end_who_asks_is_told(repeater: Repeater[int]) -> None:
    repeater.stop()
    assert not repeater.alive()
    with pytest.raises(Temporary):
        repeater.now().result(30)
    repeater.start()
    assert repeater.now().result(30)
