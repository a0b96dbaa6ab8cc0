"""DRBD 8.4 on both nodes: one resource, on /dev/vdb."""

from vm.machine import Machine
from vm.trio import Trio
from vm.waiting import until

RESOURCE = "r0"
DEVICE = "/dev/drbd0"
MOUNT = "/srv/drbd0"
HANDLER = "/usr/lib/reconciler/reconciler-drbd-handler"
# Notices a dead peer after 3 to 6 s in place of 20. At boot a node waits for its peer for a bounded time.
CONFIGURATION = f"""\
resource {RESOURCE} {{
  protocol C;
  handlers {{ split-brain "{HANDLER} split-brain"; initial-split-brain "{HANDLER} initial-split-brain"; }}
  startup {{ wfc-timeout 15; degr-wfc-timeout 10; outdated-wfc-timeout 10; }}
  net {{ ping-int 3; connect-int 3; timeout 25; }}
  disk {{ resync-rate 8M; c-plan-ahead 0; }}
  on node-a {{ device {DEVICE}; disk /dev/vdb; meta-disk internal; address 10.77.0.1:7788; }}
  on node-b {{ device {DEVICE}; disk /dev/vdb; meta-disk internal; address 10.77.0.2:7788; }}
}}
"""


def configure(trio: Trio) -> None:
    """Both nodes connected and equal, and a filesystem, which is not mounted afterwards."""
    for node in trio.nodes:
        node.put("/etc/drbd.d/r0.res", CONFIGURATION)
        node.run(f"mkdir -p {MOUNT} && drbdadm create-md --force {RESOURCE} && drbdadm up {RESOURCE}")
    wait_connection(trio.a, "Connected")
    # Both disks are empty: they are called equal in place of a first synchronisation.
    trio.a.run(f"drbdadm new-current-uuid --clear-bitmap {RESOURCE}")
    wait_in_sync(trio.a)
    trio.a.run(f"drbdadm primary {RESOURCE} && mkfs.ext4 -q {DEVICE} && drbdadm secondary {RESOURCE}")


def promote(node: Machine) -> None:
    node.run(f"drbdadm primary {RESOURCE} && mount {DEVICE} {MOUNT}")


def demote(node: Machine) -> None:
    node.run(f"umount {MOUNT} && drbdadm secondary {RESOURCE}")


def role(node: Machine) -> str:
    """As `Primary/Secondary`: own, and the peer's."""
    return node.ask(f"drbdadm role {RESOURCE}").out.strip()


def connection(node: Machine) -> str:
    return node.ask(f"drbdadm cstate {RESOURCE}").out.strip()


def disks(node: Machine) -> str:
    """As `UpToDate/UpToDate`: own, and the peer's."""
    return node.ask(f"drbdadm dstate {RESOURCE}").out.strip()


def wait_connection(node: Machine, *states: str) -> str:
    def there() -> str | None:
        state = connection(node)
        return state if state in states else None

    return until(there, f"{node.card.name}'s DRBD becomes {' or '.join(states)}") or ""


def wait_in_sync(node: Machine) -> None:
    until(lambda: disks(node) == "UpToDate/UpToDate", f"{node.card.name}'s disk and its peer's are up to date")
