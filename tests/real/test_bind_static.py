"""Static zones on a real named."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from bindlab import Lab, dynamic, site, static

from reconciler.deployed import Deployed
from reconciler.errors import ApplyFailed, NotPutBack, Refused, Temporary
from reconciler.services.bind import static as static_zones
from reconciler.services.bind.changes import ZoneChange
from reconciler.services.bind.context import Context
from reconciler.services.bind.serve import Done

pytestmark = pytest.mark.real

Z = "example.net."


def test_new_zone_is_served_and_then_nothing_differs(lab: Lab) -> None:
    wanted = site(static(Z, "www 60 A 192.0.2.10"))
    outcome = lab.apply(wanted)
    assert outcome is not None
    assert lab.ask("www.example.net.") == ["192.0.2.10"]
    assert lab.serial(Z) == outcome.zones[Z].serial == 1
    assert outcome.files.keys() == {"bind/named.conf.reconciler", "bind/keys.conf"}
    assert lab.apply(wanted) is None
    assert lab.leftovers() == []


def test_a_zone_from_elsewhere_goes_on_after_the_serial_that_it_had_there(lab: Lab) -> None:
    wanted = replace(static(Z, "www 60 A 192.0.2.10"), begins_after=2024010107)
    lab.apply(site(wanted))
    assert lab.serial(Z) == 2024010108
    # Once: what stands in the file counts no more.
    lab.apply(site(replace(static(Z, "www 60 A 192.0.2.11"), begins_after=2024010300)))
    assert lab.serial(Z) == 2024010109


def test_change_reloads_with_next_serial_and_leaves_other_zones_alone(lab: Lab) -> None:
    other = static("other.net.", "a 60 A 192.0.2.20")
    lab.apply(site(static(Z, "www 60 A 192.0.2.10", "old 60 A 192.0.2.11"), other))
    inode = lab.file("other.net").stat().st_ino
    outcome = lab.apply(site(static(Z, "www 60 A 192.0.2.12", "new 60 A 192.0.2.13"), other))
    assert outcome is not None
    assert outcome.actions == ("rndc reload example.net",)
    assert lab.ask("www.example.net.") == ["192.0.2.12"]
    assert lab.ask("new.example.net.") == ["192.0.2.13"]
    assert lab.rcode("old.example.net.") == "NXDOMAIN"
    assert (outcome.zones[Z].serial, outcome.zones["other.net."].serial) == (2, 1)
    assert lab.file("other.net").stat().st_ino == inode
    assert lab.leftovers() == []


def test_zone_names_with_slash_and_percent(lab: Lab) -> None:
    names = ("192/26.2.0.192.in-addr.arpa.", "a%2fb.example.")
    wanted = [static(name, "200 60 PTR host.example.net.") for name in names]
    lab.apply(site(*wanted))
    changed = [static(name, "200 60 PTR other.example.net.") for name in names]
    lab.apply(site(*changed))
    for name in names:
        assert lab.ask(f"200.{name}", "PTR") == ["other.example.net."]
    assert lab.file("192%2F26.2.0.192.in-addr.arpa").exists()


def test_wildcards_cnames_delegations_and_big_rrsets_are_verified_as_they_answer(lab: Lab) -> None:
    first = static(Z, "gone 60 A 192.0.2.9", "was 60 A 192.0.2.9", "kid.sub 60 A 192.0.2.8")
    child = static("own.example.net.", "a 60 A 192.0.2.5")
    lab.apply(site(first, child))
    texts = [f'big 60 TXT "{"x" * 200}{n:03}"' for n in range(40)]
    second = static(
        Z,
        "* 60 A 192.0.2.99",
        "was 60 CNAME other",
        "sub 60 NS ns.sub",
        "sub 60 NS ns.outside.example.",
        "a.own 60 A 192.0.2.77",
        "ns.sub 60 A 192.0.2.53",
        "tree 60 DNAME example.org.",
        r"odd\.name 60 TXT x",
        *texts,
    )
    lab.apply(site(second, child))
    assert lab.ask("gone.example.net.") == ["192.0.2.99"]
    assert len(lab.ask("big.example.net.", "TXT")) == 40


def test_wrong_answer_in_spite_of_the_right_serial_is_put_back_with_a_higher_serial(lab: Lab) -> None:
    """A zone of somebody else on the same server hides our record."""
    lab.apply(site(static(Z, "a 60 A 192.0.2.2")))
    hidden = lab.named.folder / "hidden"
    hidden.write_text(static("sub.example.net.").zone.text(1))
    lab.named.extra = f'zone "sub.example.net" {{ type primary; file "{hidden}"; }};'
    lab.named.configure()
    assert lab.rndc("reconfig").returncode == 0
    with pytest.raises(ApplyFailed) as failed:
        lab.apply(site(static(Z, "a 60 A 192.0.2.3", "x.sub 60 A 192.0.2.4")))
    assert "x.sub.example.net. A: expected 60 192.0.2.4, found NXDOMAIN" in str(failed.value)
    assert "served again, with serial 3" in str(failed.value)
    assert lab.ask("a.example.net.") == ["192.0.2.2"]
    assert lab.serial(Z) == 3
    wanted = site(static(Z, "a 60 A 192.0.2.5"))
    lab.apply(wanted)
    assert lab.drift(wanted) == ()
    assert not (lab.folder / "aside").exists()


def test_live_serial_ahead_of_ours_is_overtaken(lab: Lab) -> None:
    lab.apply(site(static(Z)))
    lab.file("example.net").write_text(static(Z).zone.text(5000))
    os.utime(lab.file("example.net"))
    assert "reload" in lab.rndc("reload", "example.net").stdout
    lab.server.close()
    outcome = lab.apply(site(static(Z, "a 60 A 192.0.2.2")))
    assert outcome is not None
    assert outcome.zones[Z].serial == lab.serial(Z) == 5001


def test_zone_that_checkzone_refuses_is_refused_before_anything_is_touched(lab: Lab) -> None:
    lab.apply(site(static(Z)))
    with pytest.raises(
        Refused, match=r"named-checkzone: zone example\.net\.: .*'ns2\.example\.net' has no address"
    ) as refused:
        lab.stage(site(static(Z, "@ 60 NS ns2.example.net.")))
    assert "/tmp" not in str(refused.value)
    assert lab.serial(Z) == 1
    with pytest.raises(Refused, match="bad owner name"):
        lab.stage(site(static("192/26.2.0.192.in-addr.arpa.", "200 60 A 192.0.2.200")))


def test_broken_raw_text_is_refused_with_its_own_place(lab: Lab) -> None:
    lab.apply(site(static(Z)))
    with pytest.raises(Refused, match=r"named-checkconf: bind\.d/extra\.conf:2:.*nonsense"):
        lab.stage(site(static(Z), hatch='acl fine { any; };\nnonsense "x";\n'))
    outcome = lab.apply(site(static(Z), hatch="acl fine { any; };\n"))
    assert outcome is not None
    assert outcome.actions == ("rndc reconfig",)


def test_zone_that_somebody_elses_configuration_has_is_refused(lab: Lab) -> None:
    lab.named.extra = f'zone "{Z}" {{ type primary; file "/nonexistent"; }};'
    lab.named.configure()
    with pytest.raises(Refused, match=r"named-checkconf: .*already exists"):
        lab.stage(site(static(Z)))


def test_configuration_that_does_not_include_our_part_is_refused(lab: Lab) -> None:
    conf = lab.named.folder / "named.conf"
    conf.write_text(conf.read_text().replace(f'include "{lab.folder}', f'#include "{lab.folder}'))
    with pytest.raises(Refused, match="does not include our part; add the line"):
        lab.stage(site(static(Z)))


def test_reconfig_with_a_broken_configuration_keeps_old_answers_and_files(lab: Lab) -> None:
    lab.apply(site(static(Z, "a 60 A 192.0.2.2")))
    before = (lab.folder / "named.conf.reconciler").read_text()
    staged = lab.stage(site(static(Z, "a 60 A 192.0.2.3"), static("new.net.")))
    assert staged is not None
    conf = lab.named.folder / "named.conf"
    conf.write_text(conf.read_text() + "\nrubbish;\n")
    with pytest.raises(ApplyFailed, match=r"named-checkconf: .*unknown option 'rubbish'") as failed:
        staged.commit(lab.said.append)
    assert "did not go well" in str(failed.value)  # reconfig cannot succeed with rubbish in somebody else's file
    assert (lab.folder / "named.conf.reconciler").read_text() == before
    assert lab.ask("a.example.net.") == ["192.0.2.2"]
    assert not lab.file("new.net").exists()
    conf.write_text(conf.read_text().replace("\nrubbish;\n", ""))
    lab.apply(site(static(Z, "a 60 A 192.0.2.3"), static("new.net.")))
    assert lab.ask("a.example.net.") == ["192.0.2.3"]
    assert lab.serial("new.net.") > 0


def test_named_down_is_temporary_and_the_next_try_converges(lab: Lab) -> None:
    lab.apply(site(static(Z, "a 60 A 192.0.2.2"), dynamic("dyn.net.", "a 60 A 192.0.2.2")))
    lab.named.stop()
    wanted = site(static(Z, "a 60 A 192.0.2.3"), dynamic("dyn.net.", "a 60 A 192.0.2.3"), static("new.net."))
    with pytest.raises(Temporary, match="named does not answer"):
        lab.apply(wanted)
    assert lab.leftovers() == []
    assert "192.0.2.2" in lab.file("example.net").read_text()
    lab.recover()
    lab.named.start()
    lab.apply(wanted)
    assert lab.ask("a.example.net.") == lab.ask("a.dyn.net.") == ["192.0.2.3"]
    assert lab.serial("new.net.") > 0
    assert lab.apply(wanted) is None


def test_a_zone_below_another_can_go(lab: Lab) -> None:
    """Until the configuration is taken over it answers for the delegation that has gone from the zone above."""
    above = static(Z, "lab 3600 NS ns.outside.example.")
    lab.apply(site(above, static("lab.example.net.", "box 60 A 192.0.2.1")))
    lab.apply(site(static(Z)))
    assert lab.ask("lab.example.net.", "NS") == []


def test_removed_zone_goes_with_its_file_and_comes_back_with_undo(lab: Lab) -> None:
    lab.apply(site(static(Z, "a 60 A 192.0.2.2"), static("keep.net.", "a 60 A 192.0.2.2")))
    staged = lab.stage(site(static("keep.net.", "a 60 A 192.0.2.3"), static("new.net.")))
    assert staged is not None
    outcome = staged.commit(lab.said.append)
    assert outcome.zones.keys() == {"keep.net.", "new.net."}
    assert lab.rcode(Z, "SOA") == "REFUSED"
    assert not lab.file("example.net").exists()
    undone = staged.undo(lab.said.append)
    assert lab.ask("a.example.net.") == ["192.0.2.2"]
    assert lab.ask("a.keep.net.") == ["192.0.2.2"]
    assert undone.zones["keep.net."].serial == lab.serial("keep.net.") == 3
    assert lab.rcode("new.net.", "SOA") == "REFUSED"
    assert not lab.file("new.net").exists()


def test_a_zone_that_comes_back_goes_on_after_its_last_serial(lab: Lab) -> None:
    lab.apply(site(static(Z, "a 60 A 192.0.2.2")))
    lab.apply(site())
    lab.deployed = replace(lab.deployed, retired={Z: 7})
    lab.apply(site(static(Z, "a 60 A 192.0.2.2")))
    assert lab.serial(Z) == 8


def test_what_cannot_be_put_back_because_nobody_knows_it_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.apply(site(static("a.net.", "x 60 A 192.0.2.2"), static("b.net.", "x 60 A 192.0.2.2")))
    lab.file("a.net").write_text("junk")
    lab.deployed, lab.bind = Deployed(), lab.new_bind()
    serve = static_zones.change

    def fails_later(ctx: Context, change: ZoneChange, staged: Path) -> Done:
        if change.name == "b.net.":
            raise ApplyFailed("zone b.net.: no")
        return serve(ctx, change, staged)

    monkeypatch.setattr(static_zones, "change", fails_later)
    words = r"b\.net\.: no; zone a\.net\. could not be put back: its content from before is not known"
    with pytest.raises(NotPutBack, match=words):
        lab.apply(site(static("a.net.", "x 60 A 192.0.2.3"), static("b.net.", "x 60 A 192.0.2.3")))


def test_hand_edited_file_is_drift_and_saved_aside_by_the_next_change(lab: Lab) -> None:
    wanted = site(static(Z, "a 60 A 192.0.2.2"))
    lab.apply(wanted)
    assert lab.drift(wanted) == ()
    edited = (
        lab.file("example.net").read_text().replace(" 1 7200", " 77 7200") + "hand.example.net. 60 IN A 192.0.2.66\n"
    )
    lab.file("example.net").write_text(edited)
    (found,) = lab.drift(wanted)
    assert (found.place, found.healed) == (Z, False)
    assert "edited by hand" in found.text
    assert lab.apply(wanted) is None
    lab.rndc("reload", "example.net")
    assert [item.text for item in lab.drift(wanted)][1:] == ["hand.example.net. 60 A 192.0.2.66"]
    outcome = lab.apply(site(static(Z, "a 60 A 192.0.2.3")))
    assert outcome is not None
    assert (lab.folder / "aside" / "example.net.77").read_text() == edited
    assert lab.ask("a.example.net.") == ["192.0.2.3"]
    assert lab.serial(Z) == 78
    assert lab.rcode("hand.example.net.") == "NXDOMAIN"
    assert lab.drift(site(static(Z, "a 60 A 192.0.2.3"))) == ()


def test_hand_edit_of_a_zone_that_heals_is_undone(lab: Lab) -> None:
    wanted = site(static(Z, "a 60 A 192.0.2.2", drift="heal"))
    lab.apply(wanted)
    lab.file("example.net").write_text(lab.file("example.net").read_text().replace("192.0.2.2", "192.0.2.66"))
    lab.rndc("reload", "example.net")
    assert lab.drift(wanted)
    outcome = lab.apply(wanted)
    assert outcome is not None
    assert [item.healed for item in outcome.drift] == [True]
    assert lab.ask("a.example.net.") == ["192.0.2.2"]
    assert lab.drift(wanted) == ()
    assert lab.apply(wanted) is None


def test_edited_fragment_is_drift_and_written_anew_with_the_next_apply(lab: Lab) -> None:
    wanted = site(static(Z))
    lab.apply(wanted)
    path = lab.folder / "named.conf.reconciler"
    path.write_text(path.read_text() + "# hello\n")
    assert [item.place for item in lab.drift(wanted)] == ["bind/named.conf.reconciler"]
    lab.apply(wanted)
    assert "hello" not in path.read_text()


def test_file_that_user_bind_cannot_read_is_put_back_and_told(lab_as_bind: Lab) -> None:
    """named-checkzone run by root can read it; `rndc reload` says 0 and "queued", and old data stay."""
    lab = lab_as_bind
    lab.apply(site(static(Z, "a 60 A 192.0.2.2"), static("other.net.", "a 60 A 192.0.2.2")))
    zones = lab.folder / "zones"
    good = zones.stat()
    os.chown(zones, 0, 0)
    zones.chmod(0o755)
    with pytest.raises(ApplyFailed) as failed:
        lab.apply(site(static(Z, "a 60 A 192.0.2.3"), static("other.net.", "a 60 A 192.0.2.2")))
    text = str(failed.value)
    assert "zone example.net.: named did not load the new file: expected serial 2, found serial 1" in text
    assert "zone reload queued" in text
    assert "the user that named runs as cannot read" in text
    assert "root:root, mode 0640" in text
    assert lab.ask("a.example.net.") == ["192.0.2.2"]
    assert lab.leftovers() == []
    lab.named.restart()
    assert lab.ask("a.example.net.") == ["192.0.2.2"], "the file that lies there now has to load"
    os.chown(zones, good.st_uid, good.st_gid)
    zones.chmod(0o2770)
    lab.apply(site(static(Z, "a 60 A 192.0.2.3"), static("other.net.", "a 60 A 192.0.2.2")))
    assert lab.ask("a.example.net.") == ["192.0.2.3"]


def test_new_zone_that_user_bind_cannot_read_is_taken_out_again(lab_as_bind: Lab) -> None:
    """`rndc reconfig` says 0 about a zone file that cannot be loaded."""
    lab = lab_as_bind
    lab.apply(site(static("other.net.", "a 60 A 192.0.2.2")))
    zones = lab.folder / "zones"
    os.chown(zones, 0, 0)
    zones.chmod(0o755)
    with pytest.raises(
        ApplyFailed, match=r"zone example\.net\.: named did not load it after `rndc reconfig`.*SERVFAIL"
    ):
        lab.apply(site(static(Z), static("other.net.", "a 60 A 192.0.2.2")))
    assert lab.rcode(Z, "SOA") == "REFUSED"
    assert lab.ask("a.other.net.") == ["192.0.2.2"]
    assert not lab.file("example.net").exists()


def test_one_zone_that_fails_takes_the_others_back(lab_as_bind: Lab) -> None:
    lab = lab_as_bind
    first, second = "a.net.", "b.net."
    lab.apply(site(static(first, "a 60 A 192.0.2.2"), static(second, "a 60 A 192.0.2.2")))
    staged = lab.stage(site(static(first, "a 60 A 192.0.2.3"), static(second, "a 60 A 192.0.2.3")))
    assert staged is not None
    os.chown(staged.files[second], 0, 0)
    with pytest.raises(ApplyFailed, match=r"zone b\.net\."):
        staged.commit(lab.said.append)
    assert lab.ask("a.a.net.") == lab.ask("a.b.net.") == ["192.0.2.2"]
    assert lab.serial(first) == 3
    wanted = site(static(first, "a 60 A 192.0.2.3"), static(second, "a 60 A 192.0.2.3"))
    lab.apply(wanted)
    assert lab.ask("a.a.net.") == lab.ask("a.b.net.") == ["192.0.2.3"]
    assert not (lab.folder / "aside").exists()


def test_zone_that_named_cannot_load_because_of_a_stale_journal_is_served_again(lab: Lab) -> None:
    """ "journal out of sync with zone" at named's start, then SERVFAIL."""
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    lab.update(Z, "update add b.example.net. 60 A 192.0.2.3")
    lab.named.stop()
    lab.file("example.net").write_text(static(Z, "a 60 A 192.0.2.2").zone.text(900))
    lab.named.start()
    lab.server.close()
    assert lab.rcode(Z, "SOA") == "SERVFAIL"
    lab.apply(site(static(Z, "a 60 A 192.0.2.4")))
    assert lab.ask("a.example.net.") == ["192.0.2.4"]
    assert not lab.file("example.net.jnl").exists()


def test_mtime_that_is_not_newer_is_ignored_by_named_so_it_is_set_when_swapped(lab: Lab) -> None:
    lab.apply(site(static(Z, "a 60 A 192.0.2.2")))
    lab.file("example.net").write_text(static(Z, "a 60 A 192.0.2.66").zone.text(9))
    os.utime(lab.file("example.net"), (1, 1))
    assert lab.rndc("reload", "example.net").returncode == 0
    assert lab.serial(Z) == 1, "named no longer goes by mtime: the comment in Effects.swap is out of date"
    staged = lab.stage(site(static(Z, "a 60 A 192.0.2.3")))
    assert staged is not None
    os.utime(staged.files[Z], (1, 1))
    staged.commit(lab.said.append)
    assert lab.ask("a.example.net.") == ["192.0.2.3"]


def test_nothing_is_authoritative_any_more(lab: Lab) -> None:
    lab.apply(site(static(Z), dynamic("dyn.net.")))
    outcome = lab.apply(site(static(Z), dynamic("dyn.net."), authoritative="none"))
    assert outcome is not None
    assert dict(outcome.zones) == {}
    assert lab.rcode(Z, "SOA") == lab.rcode("dyn.net.", "SOA") == "REFUSED"
    assert list((lab.folder / "zones").iterdir()) == []


def test_a_file_that_nothing_is_on_record_of_is_not_called_edited(lab: Lab) -> None:
    lab.apply(site(static(Z, "a 60 A 192.0.2.2")))
    lab.deployed, lab.bind = Deployed(), lab.new_bind()
    outcome = lab.apply(site(static(Z, "a 60 A 192.0.2.3")))
    assert outcome is not None
    (told,) = outcome.drift
    assert "nothing is on record of what was deployed; the old file is now" in told.text
    assert "edited" not in told.text
