"""The parts of services.bind that need no server."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.deployed import Deployed, DeployedZone, begun
from reconciler.dns.records import group
from reconciler.dns.serials import SerialStyle
from reconciler.dns.zone import SOA, Zone
from reconciler.errors import Refused
from reconciler.services.bind import changes, check, conf, zonefile
from reconciler.services.bind.keys import new_key_text, read_key_file, site_keys
from reconciler.services.bind.render import TsigKey, keys_file
from reconciler.services.bind.verify import sample
from reconciler.site import SiteZone
from reconciler.state.schema import Key
from reconciler.state.secret import SecretRef

NAME = "example.net."


def zone(*hosts: str) -> Zone:
    records = [(f"{host}.{NAME}", 60, "A", "192.0.2.1") for host in hosts]
    return Zone(NAME, SOA(f"ns.{NAME}", f"h.{NAME}"), group(records))


def deployed(item: Zone, serial: int = 5, *, dynamic: bool = True) -> DeployedZone:
    return DeployedZone(item, dynamic, serial)


def wanted(item: Zone, *, dynamic: bool = True) -> dict[str, SiteZone]:
    return {item.name: SiteZone(item, dynamic, "report", (), (), SerialStyle.DATE)}


@pytest.mark.parametrize(
    ("server_has", "serial", "expected"),
    [
        (("old", "both"), 4, ("old", "both")),
        (("new", "both"), 5, ("new", "both")),
        (("new", "both", "foreign"), 7, ("new", "both")),
        (("old", "both", "foreign"), 7, ("old", "both")),
        (("new", "both"), 4, ("old", "both")),
        (("old", "new", "both", "foreign"), 7, ("old", "new", "both")),
        (("foreign",), 7, ("both",)),
    ],
)
def test_what_is_ours_after_a_change_that_was_cut_off_is_told_by_serial_and_records(
    server_has: tuple[str, ...], serial: int, expected: tuple[str, ...]
) -> None:
    pending = deployed(zone("new", "both"), 5)
    found = changes.landed((pending, deployed(zone("old", "both"))), zone(*server_has).rrsets, serial)
    assert found.zone.rrsets == zone(*expected).rrsets


@pytest.mark.parametrize("ttl", [60, 30, 10])
def test_a_ttl_that_was_changed_by_a_change_that_was_cut_off_is_told_by_the_server(ttl: int) -> None:
    def with_ttl(value: int) -> Zone:
        return replace(zone(), rrsets=group([(f"a.{NAME}", value, "A", "192.0.2.1")]))

    found = changes.landed((deployed(with_ttl(30)), deployed(with_ttl(60))), with_ttl(ttl).rrsets, 5)
    assert found.zone.rrsets == with_ttl(60 if ttl == 60 else 30).rrsets


VERSIONS = st.lists(st.frozensets(st.sampled_from("abcd")), min_size=1, max_size=6)


@given(before=st.frozensets(st.sampled_from("abcd")), tries=VERSIONS, data=st.data())
def test_of_any_number_of_changes_that_were_cut_off_none_is_forgotten(
    before: frozenset[str], tries: list[frozenset[str]], data: st.DataObject
) -> None:
    serials, pending = [4], dict[str, tuple[DeployedZone, ...]]()
    for serial, hosts in enumerate(tries, 5):
        pending = begun(pending, {NAME: deployed(zone(*hosts), serial)})
        serials.append(serial)
    was = changes.was(NAME, Deployed(zones={NAME: deployed(zone(*before), 4)}, pending=pending))
    assert len(was) <= 4
    # The server has all that was sent up to some serial, in any mixture, and others' records.
    live = data.draw(st.sampled_from(serials))
    sent = [before, *(hosts for serial, hosts in enumerate(tries, 5) if serial <= live)]
    may, must = frozenset[str]().union(*sent), before.intersection(*sent)
    there = must | data.draw(st.frozensets(st.sampled_from(sorted(may)))) if may else must
    found = changes.landed(was, zone(*there, "foreign").rrsets, live).zone.rrsets
    assert {key[0] for key in found} == {f"{host}.{NAME}" for host in there}


def test_a_second_try_of_the_same_counts_from_the_first_serial() -> None:
    pending = begun({}, {NAME: deployed(zone("a"), 5)})
    assert begun(pending, {NAME: deployed(zone("a"), 6)}) == pending
    assert begun(pending, {}) == pending


def test_what_differs() -> None:
    same = Deployed(zones={NAME: deployed(zone("a"))})
    assert list(changes.differing(wanted(zone("a")), same, ())) == []
    assert list(changes.differing(wanted(zone("a")), same, {NAME})) == [NAME]
    assert list(changes.differing(wanted(zone("b")), same, ())) == [NAME]
    assert list(changes.differing(wanted(zone("a"), dynamic=False), same, ())) == [NAME]
    unserved = Deployed(zones={NAME: deployed(zone("a"), 0)})
    assert list(changes.differing(wanted(zone("a")), unserved, ())) == [NAME]
    cut = Deployed(zones=same.zones, pending={NAME: (deployed(zone("a"), 6),)})
    assert list(changes.differing(wanted(zone("a")), cut, ())) == [NAME]
    assert changes.gone({}, same) == [NAME]
    assert changes.gone({}, unserved) == []
    assert changes.gone(wanted(zone("a")), same) == []


@given(st.integers(0, 1000), st.integers(2, 50))
def test_sample_is_even_and_keeps_both_ends(count: int, limit: int) -> None:
    found = sample(range(count), limit)
    assert len(found) == min(count, limit)
    assert len(set(found)) == len(found)
    if count:
        assert (found[0], found[-1]) == (0, count - 1)


@pytest.mark.parametrize(
    ("text", "serial"),
    [
        (zone("a").text(2026112003), 2026112003),
        ("$ORIGIN .\n$TTL 60\t; 1 minute\nexample.net\t\tIN SOA\tns.x. h.x. (\n\t\t\t\t11         ; serial\n", 11),
        ("rubbish\n", None),
        ("a. 1 IN SOA ns. h. 12", None),
    ],
)
def test_serial_in_files_as_we_and_as_named_write_them(tmp_path: Path, text: str, serial: int | None) -> None:
    path = tmp_path / "zone"
    path.write_text(text)
    assert zonefile.serial_in(path) == serial
    assert zonefile.serial_in(tmp_path / "nothing") is None


def test_file_is_ours_with_any_serial_but_with_no_other_change() -> None:
    assert zonefile.is_zone(zone("a").text(77).encode(), zone("a"))
    assert not zonefile.is_zone(zone("a", "b").text(77).encode(), zone("a"))
    assert not zonefile.is_zone(b"", zone("a"))


def test_includes_are_followed_and_keep_their_lines(tmp_path: Path) -> None:
    main, inner = tmp_path / "named.conf", tmp_path / "more.d" / "a.conf"
    inner.parent.mkdir()
    inner.write_text("acl x { any; };\n")
    ours = tmp_path / "ours"
    main.write_text(
        f'// include "{tmp_path}/no";\n/* include "{tmp_path}/no"; */ # include "{tmp_path}/no";\n'
        f'options {{ version "include \\"/no\\";"; }};\n'
        f'include "{tmp_path}/more.d/*.conf";\ninclude "{ours}"; include "relative";\n'
    )
    copies = conf.collect(main, {ours: "# staged\n"}, "/scratch")
    assert [(copy.origin, copy.name) for copy in copies] == [(inner, "0.conf"), (ours, "1.conf"), (main, "2.conf")]
    lines = copies[-1].text.split("\n")
    assert lines[3:5] == ['include "/scratch/0.conf";', 'include "/scratch/1.conf"; include "relative";']
    assert len(lines) == len(main.read_text().split("\n"))
    assert copies[1].text == "# staged\n"


def test_unreadable_include_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "named.conf").write_text(f'include "{tmp_path}/missing";\n')
    with pytest.raises(OSError, match="missing"):
        conf.collect(tmp_path / "named.conf", {}, "/scratch")


def test_new_key_files_can_be_read_and_differ(tmp_path: Path) -> None:
    path = tmp_path / "reconciler.key"
    path.write_text(new_key_text())
    key = read_key_file(path)
    assert (key.name, key.algorithm, len(key.secret)) == ("reconciler", "hmac-sha256", 44)
    assert new_key_text() != new_key_text()


@pytest.mark.parametrize(
    "text", ["", 'key "a" { algorithm hmac-sha256; };', 'key a { algorithm x; secret "%%topsecret"; };']
)
def test_bad_key_file_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(Refused) as refused:
        read_key_file(path)
    assert "topsecret" not in str(refused.value)


@pytest.mark.parametrize(("octets", "fine"), [(0, False), (15, False), (16, True), (64, True)])
def test_a_secret_that_could_be_guessed_is_refused(tmp_path: Path, octets: int, fine: bool) -> None:
    text = base64.b64encode(b"x" * octets).decode()
    (tmp_path / "s").write_text(text)
    found = site_keys({"acme": Key(secret=SecretRef(secret="s"))}, tmp_path)
    assert (len(found.keys), len(found.complaints)) == ((1, 0) if fine else (0, 1))
    assert fine or "less than 16 octets" in found.complaints[0]
    assert not text or text not in "".join(found.complaints)


def test_a_secret_is_hidden_whatever_its_length_and_nothing_else() -> None:
    keys = keys_file([TsigKey("a-key-with-a-long-name", "hmac-sha256", "YQ=="), TsigKey("b", "x", "YQ==YQ==")])
    said = check._hide("near YQ== YQ==YQ== of a-key-with-a-long-name", keys)
    assert said == "near (secret) (secret) of a-key-with-a-long-name"


def test_site_key_must_not_take_the_nodes_own_name(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("c2VjcmV0IG9mIDE2IG9jdGV0cw==\n")
    keys = {"reconciler": Key(secret=SecretRef(secret="s")), "ok": Key(secret=SecretRef(secret="s"))}
    found = site_keys(keys, tmp_path)
    assert [key.name for key in found.keys] == ["ok"]
    assert len(found.complaints) == 1
