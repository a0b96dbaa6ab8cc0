"""Applying over several servers that are not there: what is put back, what is told, what stays on record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.apply import Applier
from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns.serials import SerialStyle
from reconciler.dns.zone import SOA, Zone
from reconciler.effects import Effects
from reconciler.errors import ApplyFailed, NotPutBack, ReconcilerError, Temporary
from reconciler.manifest import ManifestStore
from reconciler.role.always import Always
from reconciler.services.base import Drift, File, Outcome, Say
from reconciler.site import Site, SiteZone
from reconciler.state.schema import Dns

EFFECTS = Effects(Always(), helper=Path("/nonexistent"))
A, B = "a.example.", "b.example."


def zone(name: str) -> Zone:
    return Zone(name, SOA("ns.example.", "h.example."), {})


def site(*names: str) -> Site:
    zones = {name: SiteZone(zone(name), False, "report", (), (), SerialStyle.INCREMENT) for name in names}
    return Site("test", Dns.model_validate({"authoritative": "bind"}), {}, (), zones, {}, ())


def deployed(**serials: int) -> dict[str, DeployedZone]:
    return {
        f"{name}.example.": DeployedZone(zone(f"{name}.example."), False, serial) for name, serial in serials.items()
    }


@dataclass
class Server:
    """A server that is told how its next change goes; it is a service and its staged change in one."""

    name: str
    zones: Mapping[str, DeployedZone] = field(default_factory=dict)
    fails: Exception | None = None
    undo_fails: Exception | None = None
    restored: Mapping[str, DeployedZone] = field(default_factory=dict)
    undone: bool = False
    first: bool = False

    @property
    def pending(self) -> Mapping[str, DeployedZone]:
        return self.zones

    def files(self, _: Site) -> Mapping[str, File]:
        return {}

    def check(self, *_: object) -> list[str]:
        return []

    def stage(self, *_: object) -> "Server":
        return self

    def recover(self, *_: object) -> None:
        pass

    def drift(self, *_: object) -> tuple[Drift, ...]:
        return ()

    def commit(self, _: Say) -> Outcome:
        if self.fails:
            raise self.fails
        return Outcome(self.zones)

    def undo(self, _: Say) -> Outcome:
        self.undone = True
        if self.undo_fails:
            raise self.undo_fails
        return Outcome(self.restored)

    def discard(self) -> None:
        pass


def apply(folder: Path, wanted: Site, *servers: Server) -> Deployed:
    """Apply; what another process finds on disk then."""
    Applier(servers, ManifestStore(folder), EFFECTS).apply(wanted, "c" * 40, lambda _: None)
    return ManifestStore(folder).load()


def fail(folder: Path, wanted: Site, *servers: Server) -> ReconcilerError:
    with pytest.raises(ReconcilerError) as failed:
        apply(folder, wanted, *servers)
    return failed.value


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(ApplyFailed("two is stuck"), NotPutBack), (Temporary("two is away"), Temporary), (OSError("full"), Temporary)],
)
def test_all_servers_are_put_back_and_the_cause_comes_first(
    tmp_path: Path, trouble: Exception, kind: type[Exception]
) -> None:
    one = Server("one", deployed(a=5), restored=deployed(a=6))
    two = Server("two", deployed(b=5), undo_fails=trouble)
    three = Server("three", fails=ApplyFailed("three said no"))
    error = fail(tmp_path, site(A, B), one, two, three)
    assert one.undone
    assert type(error) is kind
    assert str(error) == f"three said no; putting back did not go well: {trouble}"
    found = ManifestStore(tmp_path).load()
    assert found.zones == deployed(a=6)
    assert found.pending.keys() == {A, B}, "what could not be put back may still be served"


def test_a_failure_that_was_put_back_leaves_nothing_pending(tmp_path: Path) -> None:
    cause = ApplyFailed("no")
    assert fail(tmp_path, site(A), Server("one", deployed(a=5)), Server("two", fails=cause)) is cause
    assert not ManifestStore(tmp_path).load().pending


@pytest.mark.parametrize("restored", [False, True])
def test_what_an_earlier_apply_may_have_left_stays_pending_until_it_is_put_back(tmp_path: Path, restored: bool) -> None:
    apply(tmp_path, site(A), Server("one", deployed(a=4)))
    fail(tmp_path, site(A), Server("one", deployed(a=5), fails=Temporary("away")))
    one = Server("one", deployed(a=6), restored=deployed(a=7) if restored else {})
    fail(tmp_path, site(A), one, Server("two", fails=ApplyFailed("no")))
    assert bool(ManifestStore(tmp_path).load().pending) is not restored


def test_a_server_that_could_not_put_back_leaves_its_zones_pending(tmp_path: Path) -> None:
    fail(tmp_path, site(A), Server("one", deployed(a=5), fails=NotPutBack("no")))
    assert ManifestStore(tmp_path).load().pending.keys() == {A}


def test_the_serial_of_a_zone_that_goes_is_kept_until_it_is_back_with_a_newer_one(tmp_path: Path) -> None:
    assert not apply(tmp_path, site(A, B), Server("one", deployed(a=3, b=1))).retired
    assert apply(tmp_path, site(B), Server("one", deployed(b=1))).retired == {A: 3}
    fail(tmp_path, site(A, B), Server("one", deployed(a=4, b=1), fails=ApplyFailed("no")))
    assert ManifestStore(tmp_path).load().retired == {A: 4}, "it may have been served for a moment"
    assert not apply(tmp_path, site(A, B), Server("one", deployed(a=5, b=1))).retired


def test_the_serial_of_a_zone_that_was_only_begun_is_kept(tmp_path: Path) -> None:
    fail(tmp_path, site(A), Server("one", deployed(a=3), fails=Temporary("away")))
    assert apply(tmp_path, site(), Server("one")).retired == {A: 3}
