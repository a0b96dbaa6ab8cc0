"""Dynamic zones on a real named, changed by a new file: what others have in them, and what goes wrong in the middle."""

import os
from threading import Timer

import pytest
from bindlab import Lab, dynamic, site, static
from servers import wait_until

from reconciler.errors import ApplyFailed, Temporary
from reconciler.services.bind.keys import new_key_text
from reconciler.services.bind.rndc import Answer, Rndc
from reconciler.services.bind.zonefile import serial_in
from reconciler.state.schema import KeepRule, Key, UpdateGrant
from reconciler.state.secret import SecretRef

pytestmark = pytest.mark.real

Z = "dyn.net."
PLACE = ("dyn.net", "IN", "_default")
ACME = (KeepRule(name="_acme-challenge", types=["TXT"]), KeepRule(name="_acme-challenge.*", types=["TXT"]))


@pytest.fixture(autouse=True)
def _by_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The changes here are small and would go by updates (test_bind_update.py)."""
    monkeypatch.setattr("reconciler.services.bind.update.plan", lambda *_: None)


def test_change_keeps_records_of_others_and_takes_updates_afterwards(lab: Lab) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", "b 60 A 192.0.2.2", keep=ACME)))
    assert (
        lab.update(
            Z,
            "update add _acme-challenge.dyn.net. 60 TXT apex",
            "update add _acme-challenge.a.c.dyn.net. 60 TXT below",
        ).returncode
        == 0
    )
    wanted = site(dynamic(Z, "a 60 A 192.0.2.3", keep=ACME))
    assert lab.drift(site(dynamic(Z, "a 60 A 192.0.2.2", "b 60 A 192.0.2.2", keep=ACME))) == ()
    outcome = lab.apply(wanted)
    assert outcome is not None
    assert outcome.drift == ()
    assert lab.ask("a.dyn.net.") == ["192.0.2.3"]
    assert lab.rcode("b.dyn.net.") == "NXDOMAIN"
    assert lab.ask("_acme-challenge.dyn.net.", "TXT") == ['"apex"']
    assert lab.ask("_acme-challenge.a.c.dyn.net.", "TXT") == ['"below"']
    assert outcome.zones[Z].serial == lab.serial(Z)
    assert "_acme" not in outcome.zones[Z].zone.text(0)
    assert not lab.frozen(Z)
    assert lab.update(Z, "update add later.dyn.net. 60 A 192.0.2.9").returncode == 0
    assert lab.ask("later.dyn.net.") == ["192.0.2.9"]
    assert lab.leftovers() == []


def test_updates_right_before_the_freeze_survive_and_so_does_our_change_after_a_power_cut(lab: Lab) -> None:
    """rndc freeze returns before the dump is written: a file written at once would be overwritten by it."""
    many = [f"h{n} 60 A 192.0.2.1" for n in range(5000)]
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.1", *many, keep=(KeepRule(name="*"),))))
    for n in range(1, 5):
        assert lab.update(Z, f"update add u{n}.dyn.net. 60 A 192.0.2.{n}").returncode == 0
        lab.apply(site(dynamic(Z, f"a 60 A 192.0.2.{n + 1}", *many, keep=(KeepRule(name="*"),))))
        assert lab.ask("a.dyn.net.") == [f"192.0.2.{n + 1}"]
    lab.named.kill()
    lab.named.start()
    lab.server.close()
    assert lab.ask("a.dyn.net.") == ["192.0.2.5"]
    assert all(lab.ask(f"u{n}.dyn.net.") == [f"192.0.2.{n}"] for n in range(1, 5))


def test_updates_between_staging_and_freezing_are_overtaken_by_a_higher_serial(lab: Lab) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    staged = lab.stage(site(dynamic(Z, "a 60 A 192.0.2.3")))
    assert staged is not None
    for n in range(3):
        lab.update(Z, f"update add u{n}.dyn.net. 60 A 192.0.2.66")
    before = lab.serial(Z)
    assert before > staged.pending[Z].serial
    outcome = staged.commit(lab.said.append)
    assert outcome.zones[Z].serial == lab.serial(Z) > before
    assert lab.ask("a.dyn.net.") == ["192.0.2.3"]
    assert lab.ask("u2.dyn.net.") == ["192.0.2.66"]


def test_apply_waits_for_a_dump_that_comes_late(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written too early, our file would be overwritten; read too early, it would lack the last updates."""
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", keep=(KeepRule(name="*"),))))
    lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66")
    path = lab.file("dyn.net")
    freeze, timers = Rndc.freeze, []

    def late(rndc: Rndc, name: str) -> Answer:
        old, serial = path.read_bytes(), lab.serial(Z)
        answer = freeze(rndc, name)
        wait_until(lambda: serial_in(path) == serial, what="the dump")
        dump = path.rename(path.with_name("late"))
        path.write_bytes(old)
        timers.append(Timer(0.3, lambda: dump.rename(path)))
        timers[-1].start()
        return answer

    monkeypatch.setattr(Rndc, "freeze", late)
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.3", keep=(KeepRule(name="*"),))))
    timers[0].join()
    lab.named.kill()
    lab.named.start()
    lab.server.close()
    assert lab.ask("a.dyn.net.") == ["192.0.2.3"]
    assert lab.ask("x.dyn.net.") == ["192.0.2.66"]


def test_freeze_returns_before_the_dump_lies_in_the_file(lab: Lab) -> None:
    """Why wait_for_dump is there: at some try the file is still the old one. A busy machine may hide it many times."""
    lab.apply(site(dynamic(Z, *(f"h{n} 60 A 192.0.2.1" for n in range(6000)))))
    for n in range(200):
        lab.update(Z, f"update add u{n}.dyn.net. 60 A 192.0.2.1")
        serial = lab.serial(Z)
        lab.rndc("freeze", *PLACE)
        late = serial_in(lab.file("dyn.net")) != serial
        lab.rndc("thaw", *PLACE)
        if late:
            return
    pytest.fail("rndc freeze now waits for its dump: the wait may go")


def test_report_tells_drift_and_never_deletes(lab: Lab) -> None:
    wanted = site(dynamic(Z, "a 60 A 192.0.2.2", "b 60 A 192.0.2.2"))
    lab.apply(wanted)
    lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66", "update delete b.dyn.net. A")
    found = lab.drift(wanted)
    assert [(item.change, item.text, item.healed) for item in found] == [
        ("-", "b.dyn.net. 60 A 192.0.2.2", False),
        ("+", "x.dyn.net. 60 A 192.0.2.66", False),
    ]
    assert lab.drift(wanted) == found
    assert lab.apply(wanted) is None
    outcome = lab.apply(site(dynamic(Z, "a 60 A 192.0.2.3", "b 60 A 192.0.2.2")))
    assert outcome is not None
    assert outcome.drift == found
    assert lab.ask("a.dyn.net.") == ["192.0.2.3"]
    assert lab.ask("x.dyn.net.") == ["192.0.2.66"]
    assert lab.rcode("b.dyn.net.") == "NXDOMAIN"
    assert lab.drift(site(dynamic(Z, "a 60 A 192.0.2.3", "b 60 A 192.0.2.2"))) == found


def test_heal_undoes_drift_with_the_next_apply_and_keeps_what_is_to_be_kept(lab: Lab) -> None:
    wanted = site(dynamic(Z, "a 60 A 192.0.2.2", "b 60 A 192.0.2.2", drift="heal", keep=ACME))
    lab.apply(wanted)
    lab.update(
        Z,
        "update add x.dyn.net. 60 A 192.0.2.66",
        "update delete b.dyn.net. A",
        "update add _acme-challenge.dyn.net. 60 TXT t",
    )
    assert len(lab.drift(wanted)) == 2
    outcome = lab.apply(wanted)
    assert outcome is not None
    assert [item.healed for item in outcome.drift] == [True, True]
    assert lab.rcode("x.dyn.net.") == "NXDOMAIN"
    assert lab.ask("b.dyn.net.") == ["192.0.2.2"]
    assert lab.ask("_acme-challenge.dyn.net.", "TXT") == ['"t"']
    assert lab.drift(wanted) == ()
    assert lab.apply(wanted) is None


def test_kept_changes_are_looked_at_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = site(dynamic(Z, keep=ACME))
    lab.apply(wanted)
    lab.update(Z, "update add _acme-challenge.dyn.net. 60 TXT t")
    assert lab.drift(wanted) == ()
    monkeypatch.setattr("reconciler.services.bind.drift.transfer", None)
    assert lab.drift(wanted) == ()


def test_grants_of_other_keys(lab: Lab) -> None:
    text = new_key_text("acme")
    (lab.named.folder / "acme.key").write_text(text)
    (lab.secrets / "acme-secret").write_text(text.split('secret "')[1].split('"')[0] + "\n")
    keys = {"acme": Key(secret=SecretRef(secret="acme-secret"))}
    grants = (
        UpdateGrant(key="acme", name="_acme-challenge", types=["TXT"]),
        UpdateGrant(key="acme", name="*.lab", types=["A"]),
    )
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", keep=ACME, update=grants), keys=keys))
    key = lab.named.folder / "acme.key"
    assert lab.update(Z, "update add _acme-challenge.dyn.net. 60 TXT t", key=key).returncode == 0
    assert lab.update(Z, "update add one.lab.dyn.net. 60 A 192.0.2.4", key=key).returncode == 0
    assert lab.update(Z, "update add x.y.lab.dyn.net. 60 A 192.0.2.4", key=key).returncode == 0
    for refused in (
        "lab.dyn.net. 60 A 192.0.2.4",
        "a.dyn.net. 60 A 192.0.2.4",
        "_acme-challenge.dyn.net. 60 CAA 0 issue x",
    ):
        assert "REFUSED" in lab.update(Z, f"update add {refused}", key=key).stderr
    assert (lab.folder / "keys.conf").stat().st_mode & 0o777 == 0o640


def test_missing_secret_is_a_complaint_that_shows_none(lab: Lab) -> None:
    keys = {"acme": Key(secret=SecretRef(secret="nowhere")), "bad": Key(secret=SecretRef(secret="bad"))}
    (lab.secrets / "bad").write_text("hunter2!")
    complaints = lab.bind.check(site(dynamic(Z), keys=keys), lab.deployed)
    assert len(complaints) == 2
    assert "nowhere" in complaints[0]
    assert "hunter2" not in "".join(complaints)


def test_records_of_others_that_clash_with_ours_fail_the_apply_and_leave_the_zone_thawed(lab: Lab) -> None:
    everything = (KeepRule(name="*"),)
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", keep=everything)))
    lab.update(Z, "update add c.dyn.net. 60 A 192.0.2.66")
    with pytest.raises(ApplyFailed, match=r"records of others in it.*CNAME and other data"):
        lab.apply(site(dynamic(Z, "a 60 A 192.0.2.3", "c 60 CNAME a", keep=everything)))
    assert not lab.frozen(Z)
    assert lab.ask("a.dyn.net.") == ["192.0.2.2"]
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.3", keep=everything)))
    assert lab.ask("a.dyn.net.") == ["192.0.2.3"]
    assert lab.ask("c.dyn.net.") == ["192.0.2.66"]


def test_zone_frozen_by_somebody_else_is_served_anew_and_his_edit_saved(lab: Lab) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66")
    lab.freeze("dyn.net")
    again = lab.rndc("freeze", *PLACE)
    assert again.returncode == 1
    assert "already frozen" in again.stderr
    edited = static(Z, "edit 60 A 192.0.2.77").zone.text(50)
    lab.file("dyn.net").write_text(edited)
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.3")))
    assert lab.ask("a.dyn.net.") == ["192.0.2.3"]
    assert lab.ask("x.dyn.net.") == ["192.0.2.66"]
    assert (lab.folder / "aside" / "dyn.net.50").read_text() == edited
    assert not lab.frozen(Z)


def test_thaw_of_a_zone_that_is_not_frozen_does_nothing(lab: Lab) -> None:
    lab.apply(site(dynamic(Z), static("stat.net.")))
    assert lab.rndc("thaw", *PLACE).returncode == 0
    assert "not dynamic" in lab.rndc("freeze", "stat.net", "IN", "_default").stderr
    assert "dynamic zone" in lab.rndc("reload", *PLACE).stderr


def test_thaw_says_success_but_a_bad_file_stays_frozen_and_recover_heals_it(lab: Lab) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", keep=(KeepRule(name="*"),))))
    lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66")
    lab.freeze("dyn.net")
    lab.file("dyn.net").write_text("rubbish\n")
    assert lab.rndc("thaw", *PLACE).returncode == 0
    assert lab.frozen(Z)
    lab.recover()
    assert not lab.frozen(Z)
    assert lab.ask("x.dyn.net.") == ["192.0.2.66"]
    assert (lab.folder / "aside" / "dyn.net.0").read_text() == "rubbish\n"
    assert lab.update(Z, "update add y.dyn.net. 60 A 192.0.2.66").returncode == 0
    lab.named.restart()
    lab.server.close()
    assert lab.ask("x.dyn.net.") == lab.ask("y.dyn.net.") == ["192.0.2.66"]


class Cut(BaseException):
    """The power goes."""


STEPS = ("freeze", "stage", "unlink", "swap", "reload", "thaw")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("named_dies", [False, True], ids=["named lives", "named dies"])
@pytest.mark.parametrize("step", STEPS)
def test_cut_at_any_step_loses_nothing_and_the_next_apply_finishes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, step: str, named_dies: bool, after: bool
) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", "old 60 A 192.0.2.2", keep=ACME)))
    lab.update(Z, "update add _acme-challenge.dyn.net. 60 TXT t", "update add x.dyn.net. 60 A 192.0.2.66")
    wanted = site(dynamic(Z, "a 60 A 192.0.2.3", "new 60 A 192.0.2.3", keep=ACME))
    staged = lab.stage(wanted)
    assert staged is not None
    place = (
        "reconciler.services.bind.rndc.Rndc" if step in ("freeze", "reload", "thaw") else "reconciler.effects.Effects"
    )
    with monkeypatch.context() as patch:
        _cut(patch, place, step, after=after)
        with pytest.raises(Cut):
            staged.commit(lab.said.append)
    if named_dies:
        lab.named.kill()
        lab.named.start()
        lab.server.close()
    assert lab.ask("_acme-challenge.dyn.net.", "TXT") == ['"t"']
    lab.bind = lab.new_bind()
    lab.recover()
    assert not lab.frozen(Z)
    assert lab.leftovers() == []
    serial = lab.serial(Z)
    assert lab.update(Z, "update add y.dyn.net. 60 A 192.0.2.66").returncode == 0
    outcome = lab.apply(wanted)
    assert outcome is not None
    assert lab.serial(Z) > serial
    assert lab.ask("a.dyn.net.") == lab.ask("new.dyn.net.") == ["192.0.2.3"]
    assert lab.rcode("old.dyn.net.") == "NXDOMAIN"
    assert lab.ask("x.dyn.net.") == lab.ask("y.dyn.net.") == ["192.0.2.66"]
    assert lab.ask("_acme-challenge.dyn.net.", "TXT") == ['"t"']
    assert [item.text for item in outcome.drift] == ["x.dyn.net. 60 A 192.0.2.66", "y.dyn.net. 60 A 192.0.2.66"]


def _cut(patch: pytest.MonkeyPatch, place: str, step: str, *, after: bool) -> None:
    """From the first call of `step` on no effect takes place any more, as in a power cut."""
    module, _, cls = place.rpartition(".")
    original = getattr(getattr(__import__(module, fromlist=[cls]), cls), step)

    def dead(*_: object, **__: object) -> None:
        raise Cut

    def cut(*arguments: object, **options: object) -> None:
        if after:
            original(*arguments, **options)
        patch.setattr("reconciler.effects.Effects.check", dead)
        raise Cut

    patch.setattr(f"{place}.{step}", cut)


def test_named_that_dies_in_the_middle_is_temporary_and_leaves_a_good_file(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", keep=ACME)))
    lab.update(Z, "update add _acme-challenge.dyn.net. 60 TXT t")
    wanted = site(dynamic(Z, "a 60 A 192.0.2.3", keep=ACME))
    swap = lab.effects.swap
    with monkeypatch.context() as patch:
        patch.setattr(lab.effects, "swap", lambda *paths: (swap(*paths), lab.named.kill()))
        with pytest.raises(Temporary):
            lab.apply(wanted)
    assert lab.leftovers() == []
    lab.named.start()
    lab.server.close()
    assert lab.ask("_acme-challenge.dyn.net.", "TXT") == ['"t"']
    lab.apply(wanted)
    assert lab.ask("a.dyn.net.") == ["192.0.2.3"]
    assert lab.ask("_acme-challenge.dyn.net.", "TXT") == ['"t"']


def test_undo_takes_our_change_out_and_leaves_what_others_did_since(lab: Lab) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2", "b 60 A 192.0.2.2")))
    lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66")
    staged = lab.stage(site(dynamic(Z, "a 60 A 192.0.2.3")))
    assert staged is not None
    first = staged.commit(lab.said.append)
    lab.update(Z, "update add y.dyn.net. 60 A 192.0.2.66")
    undone = staged.undo(lab.said.append)
    assert lab.ask("a.dyn.net.") == lab.ask("b.dyn.net.") == ["192.0.2.2"]
    assert lab.ask("x.dyn.net.") == lab.ask("y.dyn.net.") == ["192.0.2.66"]
    assert undone.zones[Z].serial == lab.serial(Z) > first.zones[Z].serial
    assert undone.zones[Z].zone == lab.zone_deployed(Z).zone


def test_static_becomes_dynamic_and_static_again(lab: Lab) -> None:
    lab.apply(site(static(Z, "a 60 A 192.0.2.2")))
    assert "REFUSED" in lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66").stderr
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.3")))
    assert lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66").returncode == 0
    outcome = lab.apply(site(static(Z, "a 60 A 192.0.2.4")))
    assert outcome is not None
    assert [(item.text, item.healed) for item in outcome.drift] == [("x.dyn.net. 60 A 192.0.2.66", True)]
    assert lab.ask("a.dyn.net.") == ["192.0.2.4"]
    assert lab.rcode("x.dyn.net.") == "NXDOMAIN"
    assert "REFUSED" in lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66").stderr
    assert not lab.file("dyn.net.jnl").exists()
    assert any("192.0.2.66" in path.read_text() for path in (lab.folder / "aside").iterdir())
    lab.apply(site(static(Z, "a 60 A 192.0.2.5")))
    lab.named.restart()
    lab.server.close()
    assert lab.ask("a.dyn.net.") == ["192.0.2.5"]
    assert lab.drift(site(static(Z, "a 60 A 192.0.2.5"))) == ()


@pytest.mark.parametrize("to_dynamic", [False, True])
def test_kind_change_that_fails_goes_back_to_the_old_kind(lab: Lab, to_dynamic: bool) -> None:
    old, new = (static, dynamic) if to_dynamic else (dynamic, static)
    lab.apply(site(old(Z, "a 60 A 192.0.2.2")))
    staged = lab.stage(site(new(Z, "a 60 A 192.0.2.3")))
    assert staged is not None
    conf = lab.named.folder / "named.conf"
    good = conf.read_text()
    conf.write_text(good + "\nrubbish;\n")
    with pytest.raises(ApplyFailed, match="rubbish"):
        staged.commit(lab.said.append)
    conf.write_text(good)
    assert not lab.frozen(Z)
    assert lab.ask("a.dyn.net.") == ["192.0.2.2"]
    accepted = lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66").returncode == 0
    assert accepted is not to_dynamic
    lab.apply(site(new(Z, "a 60 A 192.0.2.3")))
    assert lab.ask("a.dyn.net.") == ["192.0.2.3"]


def test_removed_dynamic_zone_leaves_no_journal_and_records_of_others_are_saved(lab: Lab) -> None:
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2"), static("keep.net.")))
    lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66")
    assert lab.file("dyn.net.jnl").exists()
    staged = lab.stage(site(static("keep.net.")))
    assert staged is not None
    staged.commit(lab.said.append)
    assert [path.name for path in (lab.folder / "zones").iterdir()] == ["keep.net"]
    (saved,) = (lab.folder / "aside").iterdir()
    assert "192.0.2.66" in saved.read_text()
    staged.undo(lab.said.append)
    assert lab.ask("x.dyn.net.") == ["192.0.2.66"]
    assert not lab.frozen(Z)
    assert lab.update(Z, "update add y.dyn.net. 60 A 192.0.2.66").returncode == 0


def test_stale_journal_at_named_start_is_drift_and_the_next_apply_serves_the_zone_again(lab: Lab) -> None:
    wanted = site(dynamic(Z, "a 60 A 192.0.2.2"))
    lab.apply(wanted)
    lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66")
    lab.named.stop()
    lab.file("dyn.net").write_text(static(Z, "a 60 A 192.0.2.2", "z 60 A 192.0.2.9").zone.text(900))
    lab.named.start()
    lab.server.close()
    assert lab.rcode(Z, "SOA") == "SERVFAIL"
    (found,) = lab.drift(wanted)
    assert (found.place, found.text) == (Z, "the zone is not served: named says SERVFAIL")
    outcome = lab.apply(wanted)
    assert outcome is not None
    assert lab.ask("a.dyn.net.") == ["192.0.2.2"]
    assert lab.ask("z.dyn.net.") == ["192.0.2.9"]
    assert lab.serial(Z) > 900
    assert any(path.name.startswith("dyn.net.jnl.") for path in (lab.folder / "aside").iterdir())
    assert not lab.frozen(Z)
    assert lab.update(Z, "update add y.dyn.net. 60 A 192.0.2.66").returncode == 0


def test_lost_manifest_deletes_nothing_of_others(lab: Lab) -> None:
    from reconciler.deployed import Deployed

    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2"), static("stat.net.", "a 60 A 192.0.2.2")))
    lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66")
    lab.deployed, lab.bind = Deployed(), lab.new_bind()
    outcome = lab.apply(site(dynamic(Z, "a 60 A 192.0.2.3"), static("stat.net.", "a 60 A 192.0.2.3")))
    assert outcome is not None
    assert lab.ask("x.dyn.net.") == ["192.0.2.66"]
    assert "192.0.2.3" in lab.ask("a.dyn.net.")
    assert lab.ask("a.stat.net.") == ["192.0.2.3"]


def test_fragment_that_lost_a_zone_is_written_again_and_its_records_of_others_stay(lab: Lab) -> None:
    wanted = site(dynamic(Z, "a 60 A 192.0.2.2"))
    lab.apply(wanted)
    lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66")
    (lab.folder / "named.conf.reconciler").write_text("")
    assert lab.rndc("reconfig").returncode == 0
    assert any("not served" in item.text for item in lab.drift(wanted))
    lab.apply(wanted)
    assert lab.ask("a.dyn.net.") == ["192.0.2.2"]
    assert lab.ask("x.dyn.net.") == ["192.0.2.66"]


def test_dump_that_user_bind_wrote_is_put_back_when_ours_cannot_be_read(lab_as_bind: Lab) -> None:
    lab = lab_as_bind
    lab.apply(site(dynamic(Z, "a 60 A 192.0.2.2")))
    lab.update(Z, "update add x.dyn.net. 60 A 192.0.2.66")
    zones = lab.folder / "zones"
    good = zones.stat()
    os.chown(zones, good.st_uid, 0)
    zones.chmod(0o777)
    with pytest.raises(ApplyFailed, match="user that named runs as cannot read"):
        lab.apply(site(dynamic(Z, "a 60 A 192.0.2.3")))
    assert not lab.frozen(Z)
    lab.named.restart()
    lab.server.close()
    assert lab.ask("a.dyn.net.") == ["192.0.2.2"]
    assert lab.ask("x.dyn.net.") == ["192.0.2.66"]
    assert lab.update(Z, "update add y.dyn.net. 60 A 192.0.2.66").returncode == 0
