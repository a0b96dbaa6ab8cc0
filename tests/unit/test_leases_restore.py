"""A torn lease file is made whole; a whole one is left alone."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.leases import dnsmasq
from reconciler.leases.lease import Lease
from reconciler.leases.memory import describe, lease_of
from reconciler.leases.restore import BLOCK, Restored, is_torn, line, restored

NOW = 1_800_000_000
DUID = "00:01:00:01:2a:2b:2c:2d:52:54:00:11:22:33"

octet = st.integers(0, 255).map("{:02x}".format)
macs = st.lists(octet, min_size=6, max_size=6).map(":".join).filter(lambda mac: mac != "00:00:00:00:00:00")
client_names = st.none() | st.from_regex(r"[A-Za-z0-9-]{1,20}", fullmatch=True)
identities = st.none() | st.lists(octet, min_size=1, max_size=20).map(":".join)
times = st.none() | st.integers(NOW - 5000, NOW + 90000)
v4 = st.builds(Lease, st.integers(1, 2**32 - 2).map(IPv4Address), macs, client_names, times, identities)
v6 = st.builds(
    Lease,
    st.integers(2**120, 2**121).map(IPv6Address),
    st.none(),
    client_names,
    times,
    st.none(),
    identities,
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
sites = st.lists(v4 | v6, max_size=80, unique_by=lambda lease: lease.address)


def text_of(leases: list[Lease], duid: str | None = DUID) -> bytes:
    four = [line(lease) for lease in leases if lease.address.version == 4]
    six = [line(lease) for lease in leases if lease.address.version == 6]
    lines = [*four, *([f"duid {duid}"] if duid else []), *six]
    assert None not in lines
    return "".join(f"{text}\n" for text in lines).encode()


@given(sites, st.data())
def test_any_beginning_of_a_file_gets_every_lease_in_force_back(leases: list[Lease], data: st.DataObject) -> None:
    whole = text_of(leases)
    torn = whole[: data.draw(st.integers(0, len(whole)))]
    # What was remembered may be older than what the file says: renewals.
    known = [
        replace(lease, expires=lease.expires and lease.expires + data.draw(st.sampled_from((0, 60))))
        for lease in leases
    ]
    made = restored(torn, known, DUID, NOW)
    content = made.content if made else torn
    parsed = dnsmasq.parse(content)
    found = {lease.address: lease for lease in parsed.leases}
    for line_ in torn.split(b"\n")[:-1]:
        assert line_ in content.split(b"\n")
    # A cut at the end of a line behind the server's DUID cannot be told from leases that were given back.
    if is_torn(torn, DUID):
        for lease in known:
            if lease.expires is None or lease.expires > NOW:
                assert found[lease.address].mac == lease.mac
                assert found[lease.address].duid == lease.duid
        assert not parsed.problems
        if made:
            assert parsed.complete
            assert parsed.server_duid == DUID
            again = restored(content, known, DUID, NOW)
            assert again is None or again.content == content
    else:
        assert made is None


@given(sites)
def test_a_whole_file_is_left_alone(leases: list[Lease]) -> None:
    whole = text_of(leases)
    made = restored(whole, leases, DUID, NOW)
    assert made is None or made.content == whole


@given(sites)
def test_a_lease_comes_back_from_what_is_remembered_as_it_was(leases: list[Lease]) -> None:
    assert [lease_of(describe(lease)) for lease in leases] == leases


LEASE = Lease(IPv4Address("192.0.2.7"), "52:54:00:00:00:01", "tablet", NOW + 600, "01:52:54:00:00:00:01")


def one(data: bytes, known: list[Lease], duid: str | None = None) -> Restored:
    made = restored(data, known, duid, NOW)
    assert made is not None
    return made


def test_an_empty_file_gets_what_is_known() -> None:
    assert one(b"", [LEASE], DUID).content == (
        b"1800000600 52:54:00:00:00:01 192.0.2.7 tablet 01:52:54:00:00:00:01\nduid " + DUID.encode() + b"\n"
    )


def test_what_has_ended_does_not_come_back() -> None:
    assert restored(b"", [replace(LEASE, expires=NOW)], None, NOW) is None


def test_an_empty_file_where_nothing_is_known_stays() -> None:
    assert restored(b"", [], DUID, NOW) is None


def test_the_files_own_line_is_newer() -> None:
    data = b"1800009999 52:54:00:00:00:01 192.0.2.7 * *\n1800009999 52:54:00:00:0"
    made = one(data, [LEASE])
    assert made.content == b"1800009999 52:54:00:00:00:01 192.0.2.7 * *\n"
    assert made.added == ()


def test_blocks_that_were_never_written_are_left_out() -> None:
    data = b"1800009999 52:54:00:00:00:02 192.0.2.8 * *\n18000" + b"\0" * 4000
    assert {lease.address for lease in dnsmasq.parse(one(data, [LEASE]).content).leases} == {
        IPv4Address("192.0.2.7"),
        IPv4Address("192.0.2.8"),
    }


def test_a_cut_at_the_end_of_a_line_shows_at_the_end_of_a_block() -> None:
    row = b"1800009999 52:54:00:00:00:02 192.0.2.8 %s *\n"
    data = row % (b"x" * (BLOCK - len(row) + 2))
    assert len(data) == BLOCK
    assert one(data, [LEASE]).added == (LEASE,)


@pytest.mark.parametrize("data", [b"lease 192.0.2.7 {\n  starts 3\n}\n", b"\x7fELF" * 9000, b"hello"])
def test_a_file_of_another_kind_is_left_alone(data: bytes) -> None:
    made = restored(data, [], DUID, NOW)
    assert made is None


def test_a_lease_whose_hardware_is_not_known_is_counted() -> None:
    made = one(b"", [LEASE, replace(LEASE, address=IPv4Address("192.0.2.9"), mac=None)])
    assert (made.added, made.left_out) == ((LEASE,), 1)


def test_a_name_that_would_break_the_line_does_not_get_in() -> None:
    assert line(replace(LEASE, name="a b\n0 x")) is None
