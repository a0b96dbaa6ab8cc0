"""Later steps of the README: the servers, node.yaml, port 53, firewall, ssh, the daemon. Pure."""

from collections.abc import Mapping

from reconciler.bootstrap.apparmor import PROFILE
from reconciler.bootstrap.facts import Facts
from reconciler.bootstrap.heartbeat import OPTIONS
from reconciler.bootstrap.preparing import install
from reconciler.bootstrap.ssh import HOST_KEY, KEYS
from reconciler.bootstrap.steps import Run, Step, run
from reconciler.bootstrap.text import NodeFile


def node(facts: Facts, files: Mapping[str, NodeFile]) -> Step:
    """node.yaml, and with it the repository and all folders."""
    first = install(files, ["etc/reconciler/node.yaml"])
    shared = facts.shared
    if shared is None:
        made = run(*first, "sudo reconciler init", prints="what was made, and next steps, which this file has too")
        return Step("The node", (made,))
    drbd = shared.drbd
    init = f"sudo reconciler init --mount {drbd.mount} --drbd {drbd.resource} --role {shared.pair.manager}"
    return Step(
        "The node",
        (
            run(*first, f"sudo mkdir -p {drbd.mount}"),
            "On **one** node, with the disk mounted:",
            run(
                f"sudo drbdadm primary {drbd.resource}",
                f"sudo mount -o {OPTIONS} {drbd.device} {drbd.mount}",
                init,
                f"sudo umount {drbd.mount} && sudo drbdadm secondary {drbd.resource}",
                prints="what was made",
            ),
            "On the other, where the disk is not mounted:",
            run(init, prints="that the shared disk is made where it is mounted"),
        ),
    )


def servers(facts: Facts, files: Mapping[str, NodeFile]) -> Step:
    """The servers' own configuration. What it includes does not exist before `reconciler init`."""
    named = ["etc/bind/named.conf.options", "etc/bind/named.conf.local"]
    parts: list[str | Run] = []
    local = "etc/apparmor.d/local/usr.sbin.named"
    if facts.has_bind:
        parts += ["BIND. Zones that will be served from the repository must not stand in named.conf any more."]
        parts += [run(*install(files, named))]
    if facts.views:
        parts += [
            "BIND has views here, and no zone can stand outside of them, so Debian's own have to go; named has the "
            "root's servers and the empty reverse zones built in:",
            run("sudo sed -i '/named.conf.default-zones/d' /etc/bind/named.conf"),
        ]
    if local in files:
        parts += [
            "Where AppArmor confines named (`sudo aa-status | grep named`). If the file has lines already, add these "
            "by hand.",
            run(
                *install(files, [local]),
                f"sudo apparmor_parser -r {PROFILE}",
            ),
        ]
    if facts.has_dnsmasq:
        paths = sorted(path for path in files if path.startswith(("etc/default/dnsmasq", "etc/dnsmasq.d/")))
        parts += [
            "dnsmasq. What else stands in `/etc/dnsmasq.d` and `/etc/dnsmasq.conf` counts too.",
            run(*install(files, paths)),
        ]
    return Step("The servers' configuration", tuple(parts))


def resolver(facts: Facts, files: Mapping[str, NodeFile]) -> Step:
    """systemd-resolved gives port 53 up; the node asks others than itself."""
    resolved = "etc/systemd/resolved.conf.d/reconciler.conf"
    return Step(
        "Port 53, and whom this node asks",
        (
            "Where systemd-resolved runs (`systemctl is-active systemd-resolved`):",
            run(
                *install(files, [resolved]),
                "sudo ln -sf /run/systemd/resolve/resolv.conf /etc/resolv.conf",
                "sudo systemctl restart systemd-resolved",
                "cat /etc/resolv.conf",
                prints=f"`nameserver {facts.resolvers[0]}` among its lines",
            ),
            "Elsewhere:",
            run(*install(files, ["etc/resolv.conf"])),
            "It must name neither 127.0.0.1 nor an address that moves: on a standby nobody answers there."
            if facts.shared
            else "It must answer while this node's own servers are down.",
        ),
    )


def firewall(facts: Facts, files: Mapping[str, NodeFile]) -> Step:
    """One of two firewalls."""
    return Step(
        "Firewall",
        (
            "ssh is let in from the networks that are not isolated"
            + (" and from the other node" if facts.shared else "")
            + ". Where you come from elsewhere, add that **first**. One of the two:",
            "With ufw:",
            run(
                "sudo sh ufw.sh",
                "sudo ufw default deny incoming && sudo ufw enable",
                "sudo ufw status numbered",
                prints="the rules",
            ),
            'With nftables; `/etc/nftables.conf` has to say `include "/etc/nftables.d/*.nft"` at its end:',
            run(
                *install(files, ["etc/nftables.d/reconciler.nft"]),
                "sudo nft -c -f /etc/nftables.d/reconciler.nft",
                "sudo systemctl enable nftables && sudo systemctl restart nftables",
                "sudo nft list table inet reconciler",
                prints="the rules",
            ),
        ),
    )


def ssh(facts: Facts, files: Mapping[str, NodeFile]) -> Step:
    """The host key of a pair, and who may push."""
    parts: list[str | Run] = []
    if facts.shared is not None:
        folder = HOST_KEY.rpartition("/")[0]
        parts += [
            "Both nodes show one host key, so that whoever comes through an address that moves meets the same. Make it "
            f"on **one** node, and carry `{folder}` over (owner root, the key's mode 600). Who knew these nodes by "
            "other keys is told once that they have changed.",
            run(
                f"sudo install -d -m 700 {folder}",
                f"sudo test -e {HOST_KEY} || sudo ssh-keygen -q -t ed25519 -N '' -C {facts.site.site} -f {HOST_KEY}",
                f"sudo ssh-keygen -l -f {HOST_KEY}",
                prints="the key's fingerprint, the same on both nodes",
            ),
        ]
    name = KEYS.removeprefix("/")
    return Step(
        "ssh",
        (
            *parts,
            run(
                *install(files, ["etc/ssh/sshd_config.d/reconciler.conf"]),
                "sudo sshd -t && sudo systemctl reload ssh",
            ),
            "Who may push: one line for each key, as the file says.",
            run(
                f"sudo install -d -m 700 -o reconciler -g reconciler {KEYS.rpartition('/')[0]}",
                f"sudo test -e {KEYS} || sudo install -m 600 -o reconciler -g reconciler {name} {KEYS}",
                f"sudoedit {KEYS}",
            ),
        ),
    )


def daemon(facts: Facts) -> Step:
    """Started on both nodes of a pair."""
    before: list[str] = []
    if facts.shared is None:
        instances = [unit for unit in facts.servers if "@" in unit]
        before += [f"sudo systemctl enable {' '.join(instances)}"] if instances else []
        before += [f"sudo systemctl restart {' '.join(facts.servers)}"]
    told = "`standby`, and why" if facts.shared else "`primary`"
    return Step(
        "The daemon",
        (
            run(
                *before,
                "sudo systemctl enable --now reconciler-helper.socket reconciler",
                "sudo reconciler role",
                prints=f"{told}",
            ),
        ),
    )


def look(facts: Facts) -> Step:
    """The first push, and what shows that all is well."""
    addresses = [str(address.ip) for link in facts.links for address in link.virtual] or [str(facts.addresses[0])]
    clone = f"git clone reconciler@{addresses[0]}:{facts.root}/state.git network"
    primary = "`primary` on one node, `standby` on the other" if facts.shared else "`primary`"
    return Step(
        "See that it works",
        (
            run("sudo reconciler role", prints=primary),
            "On your own machine; then push the state there:",
            run(clone),
            "After it, on the primary:" if facts.shared else "After it, here:",
            run("sudo reconciler status", prints="what is deployed, and no complaint"),
        ),
    )
