"""Steps of the README for a pair: its disk, and who moves it. Pure; docs/pair.md tells the same by hand."""

from collections.abc import Mapping

from reconciler.bootstrap.facts import Facts, Shared
from reconciler.bootstrap.preparing import install
from reconciler.bootstrap.steps import Run, Step, run
from reconciler.bootstrap.text import NodeFile


def disk(facts: Facts, files: Mapping[str, NodeFile]) -> Step | None:
    """DRBD, up to an empty filesystem on both nodes."""
    shared = facts.shared
    if shared is None:
        return None
    name, device = shared.drbd.resource, shared.drbd.device
    parts: list[str | Run] = [
        run(
            *install(files, [f"etc/drbd.d/{name}.res"]),
            f"sudo drbdadm dump {name}",
            prints="the resource as DRBD reads it, and no complaint",
        ),
        f"A resource that is in use already: `sudo drbdadm adjust {name}`, and on to the next step. A new one "
        f"(`create-md` overwrites what {shared.drbd.disks[facts.node]} has):",
        run(
            f"sudo drbdadm create-md {name}",
            f"sudo drbdadm up {name}",
            f"cat /proc/drbd; sudo drbdadm status {name}",
            prints="`New drbd meta data block successfully created.`, and the resource as Secondary",
        ),
        "Then **once, on ONE node; it destroys what both disks hold**:",
        run(
            f"sudo drbdadm primary --force {name}",
            f"sudo mkfs.{shared.drbd.filesystem} {device}",
            f"sudo drbdadm secondary {name}",
        ),
    ]
    if shared.pair.manager != "pacemaker":
        parts += ["At boot it is brought up, as Secondary:", run("sudo systemctl enable drbd")]
    return Step("DRBD", tuple(parts))


def manager(facts: Facts, files: Mapping[str, NodeFile]) -> Step | None:
    """heartbeat, keepalived or Pacemaker: from here on the role moves."""
    shared = facts.shared
    if shared is None:
        return None
    parts = {"heartbeat": _heartbeat, "keepalived": _keepalived, "pacemaker": _pacemaker}[shared.pair.manager]
    return Step(f"{shared.pair.manager}", tuple(parts(facts, shared, files)))


def _heartbeat(facts: Facts, shared: Shared, files: Mapping[str, NodeFile]) -> list[str | Run]:
    scripts = " ".join(f"/usr/lib/reconciler/reconciler-{name}" for name in ("prepare", "active", "service"))
    return [
        run(
            *install(files, ["etc/ha.d/ha.cf", "etc/ha.d/haresources", "etc/ha.d/authkeys"]),
            f"sudo ln -sf {scripts} /etc/ha.d/resource.d/",
        ),
        "On both nodes, one soon after the other:",
        run("sudo systemctl enable --now heartbeat"),
        f"{shared.first} becomes primary, after up to 30 s where the other node is not there.",
    ]


def _keepalived(facts: Facts, shared: Shared, files: Mapping[str, NodeFile]) -> list[str | Run]:
    return [
        run(
            *install(files, ["etc/keepalived/keepalived.conf", "etc/reconciler/ha.conf"]),
            "sudo keepalived -t && echo well",
            prints="`well`",
        ),
        run(
            "sudo systemctl enable --now reconciler-keepalived",
            "sudo systemctl enable keepalived && sudo systemctl restart keepalived",
        ),
    ]


def _pacemaker(facts: Facts, shared: Shared, files: Mapping[str, NodeFile]) -> list[str | Run]:
    nodes = " ".join(
        f"{name} addr={address}"
        for name, address in sorted(
            {facts.node: facts.addresses[0], shared.peer.name: shared.peer.addresses[0]}.items()
        )
    )
    return [
        "On both nodes a password for pcs, the same: `sudo passwd hacluster`. Then on **one** node the cluster:",
        run(
            f"sudo pcs host auth {nodes}",
            f"sudo pcs cluster setup {facts.site.site} {nodes} --start --enable --force",
            "sudo pcs status",
            prints="two nodes online",
        ),
        "Fencing comes before resources: `sudo pcs stonith create …` for your machines. Then, on one node:",
        run("sudo sh pacemaker.sh", "sudo pcs status", prints="the resources, started on one node"),
    ]
