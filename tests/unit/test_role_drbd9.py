"""The role by DRBD 9's words: quorum, failed I/O, several peers and volumes, clients without a disk."""

import pytest
from drbd_data import by_events

from reconciler.role.base import Role

# In the form of drbd-utils 9 (print_notifications in drbdsetup.c).
THREE = """\
exists resource name:ha role:Primary suspended:no force-io-failures:no may_promote:no promotion_score:10103
exists connection name:ha peer-node-id:1 conn-name:bob local:ipv4:10.0.0.1:7000 peer:ipv4:10.0.0.2:7000 \
connection:Connected role:Secondary tls:no
exists connection name:ha peer-node-id:2 conn-name:carol local:ipv6:[fd00::1]:7000 peer:ipv6:[fd00::3]:7000 \
connection:Connected role:Secondary tls:no
exists device name:ha volume:0 minor:7 backing_dev:/dev/vg0/ha disk:UpToDate client:no quorum:yes open:yes
exists device name:ha volume:1 minor:8 backing_dev:/dev/vg0/hb disk:UpToDate client:no quorum:yes open:no
exists peer-device name:ha peer-node-id:1 conn-name:bob volume:0 replication:Established peer-disk:UpToDate \
peer-client:no resync-suspended:no
exists peer-device name:ha peer-node-id:1 conn-name:bob volume:1 replication:Established peer-disk:UpToDate \
peer-client:no resync-suspended:no
exists peer-device name:ha peer-node-id:2 conn-name:carol volume:0 replication:Established peer-disk:Diskless \
peer-client:yes resync-suspended:no
exists peer-device name:ha peer-node-id:2 conn-name:carol volume:1 replication:Established peer-disk:Diskless \
peer-client:yes resync-suspended:no
exists path name:ha peer-node-id:1 conn-name:bob local:ipv4:10.0.0.1:7000 peer:ipv4:10.0.0.2:7000 established:yes
exists resource name:other role:Secondary suspended:quorum force-io-failures:yes may_promote:yes promotion_score:1
exists connection name:other peer-node-id:1 conn-name:bob connection:Connected role:Primary
exists device name:other volume:0 minor:9 disk:Inconsistent client:no quorum:no
exists -
"""


def changed(before: str, after: str) -> str:
    assert before in THREE
    return THREE.replace(before, after, 1)


def test_primary_of_three() -> None:
    report = by_events(THREE, "ha")
    assert report.role is Role.PRIMARY
    assert report.replication and report.replication.in_sync
    assert report.replication.text == "Connected, Primary/Secondary, disks UpToDate/UpToDate"
    assert "DRBD device 7 has quorum" in report.reasons
    assert "its peer carol is Secondary, the connection Connected" in report.reasons
    assert by_events(THREE, "other").role is Role.STANDBY


@pytest.mark.parametrize(
    "before, after, reason",
    [
        ("role:Primary", "role:Secondary", "DRBD resource ha is Secondary here"),
        (
            "Connected role:Secondary tls:no\nexists device",
            "Connected role:Primary\nexists device",
            "its peer carol is Primary",
        ),
        ("suspended:no", "suspended:quorum", "I/O of DRBD resource ha is suspended (quorum): what writes to it hangs"),
        (
            "failures:no",
            "failures:yes",
            "DRBD lets all I/O of ha fail (force-io-failures) until it is made Secondary",
        ),
        ("quorum:yes open:no", "quorum:no open:no", "DRBD device 8 has lost quorum: too few peers are connected"),
        ("disk:UpToDate", "disk:Consistent", "the disk of DRBD device 7 is Consistent, not UpToDate"),
    ],
)
def test_each_condition_counts(before: str, after: str, reason: str) -> None:
    assert by_events(changed(before, after), "ha").reasons == (reason,)


def test_diskless_with_a_peer_that_serves() -> None:
    served = changed("disk:UpToDate client:no quorum:yes open:yes", "disk:Diskless client:no quorum:yes open:yes")
    report = by_events(served, "ha")
    assert report.role is Role.PRIMARY
    assert "DRBD device 7 has lost its disk here; a connected peer's UpToDate one serves" in report.reasons
    gone = served.replace("connection:Connected role:Secondary", "connection:Connecting role:Unknown", 1)
    assert by_events(gone, "ha").reasons == ("the disk of DRBD device 7 is Diskless, not UpToDate",)


def test_a_peer_in_sync_has_every_volume() -> None:
    lacking = changed(
        "volume:1 replication:Established peer-disk:UpToDate", "volume:1 replication:SyncSource peer-disk:Inconsistent"
    )
    replication = by_events(lacking, "ha").replication
    assert replication and not replication.in_sync
    assert replication.text == "SyncSource, Primary/Secondary, disks UpToDate/Inconsistent"


def test_any_peer_in_sync_is_enough_and_is_the_one_told_of() -> None:
    text = THREE.replace("peer-disk:Diskless", "peer-disk:UpToDate")
    text = text.replace("connection:Connected role:Secondary", "connection:Connecting role:Unknown", 1)
    report = by_events(text, "ha")
    assert report.role is Role.PRIMARY
    assert report.replication and report.replication.in_sync
    assert report.replication.text == "Connected, Primary/Secondary, disks UpToDate/UpToDate"
    alone = by_events(text.replace("connection:Connected role:Secondary", "connection:StandAlone role:Unknown"), "ha")
    assert alone.role is Role.PRIMARY
    assert alone.replication and not alone.replication.in_sync
    assert alone.replication.connection == "Connecting"


def test_without_any_peer() -> None:
    text = "".join(line for line in THREE.splitlines(keepends=True) if "peer-node-id" not in line)
    report = by_events(text, "ha")
    assert report.role is Role.PRIMARY
    assert report.replication and report.replication.text == "StandAlone, Primary/Unknown, disks UpToDate/DUnknown"


def test_without_a_volume() -> None:
    text = "".join(line for line in THREE.splitlines(keepends=True) if "device" not in line)
    assert by_events(text, "ha").reasons == ("DRBD resource ha has no volume",)
