"""A pair, installed as docs/pair.md says: heartbeat moves DRBD's disk, the address, the servers and the role."""

from pathlib import Path

from vm import documents, site
from vm.install import ONE_NODE, README
from vm.machine import Machine
from vm.trio import Trio
from vm.waiting import until

PAIR = "docs/pair.md"
INSTALLING = "Installing on a pair"
FILES = Path(__file__).parent / "pair"
NODE = "/etc/reconciler/node.yaml"
STANDBY = "/usr/share/heartbeat/hb_standby all"
"""An orderly switch-over, on the primary."""
ON_PRIMARY = ("drbdadm", "umount")
"""Of the step that makes what is on the shared disk: not for the other node."""


def configure(trio: Trio) -> None:
    """Everything but the start of heartbeat, which promotes one node; the repository is empty."""
    trio.on_both(_prepare)
    documents.follow(trio.a, PAIR, INSTALLING, "The node")
    documents.follow(trio.b, PAIR, INSTALLING, "The node", without=ON_PRIMARY)
    _let_client_push(trio)
    trio.on_both(_enable)


def start(trio: Trio) -> None:
    """Start heartbeat; node-a becomes primary, and serves the first push of the client's."""
    trio.on_both(lambda node: documents.follow(node, PAIR, "With heartbeat"))
    wait_primary(trio.a)
    first_push(trio.client)


def _prepare(node: Machine) -> None:
    for step in ("Packages", "User, units", "AppArmor"):
        documents.follow(node, PAIR, INSTALLING, step)
    for file in sorted(path for path in FILES.rglob("*") if path.is_file()):
        # heartbeat refuses keys that others can read.
        node.put(f"/{file.relative_to(FILES)}", file.read_bytes(), 0o600 if file.name == "authkeys" else 0o644)


def _enable(node: Machine) -> None:
    # Both servers answer on this machine, so BIND has another port, as README.md says.
    node.run(rf"sed -i '/^bind:/,/^[a-z]/ s/^ *#* *port: 53\b.*/  port: 5353/' {NODE}")
    documents.follow(node, PAIR, INSTALLING, "The daemon")
    node.run("systemctl enable --now drbd.service ssh.service", timeout=400)


def _let_client_push(trio: Trio) -> None:
    key = trio.client.run("ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519 && cat .ssh/id_ed25519.pub")
    forced = f"/usr/lib/reconciler/reconciler-git-shell client {site.REPOSITORY}"
    for node in trio.nodes:
        documents.follow(node, README, ONE_NODE, "People")
        rule = f'command="{forced}",restrict {key}'
        node.run(f"cat >> /srv/reconciler/.ssh/authorized_keys <<'END'\n{rule}END\n")


def first_push(client: Machine) -> None:
    """Clone through the virtual address and push the site."""
    client.put(
        "/root/.ssh/config",
        f"Host {site.VIRTUAL}\n  StrictHostKeyChecking accept-new\n  ConnectTimeout 10\n  ServerAliveInterval 3\n"
        "  ServerAliveCountMax 3\n",
        0o600,
    )
    client.run("git config --global user.name Ada && git config --global user.email ada@vm.example")
    client.run("git config --global init.defaultBranch main")
    client.run(f"git clone -q reconciler@{site.VIRTUAL}:{site.REPOSITORY} network", timeout=400)
    client.put("/root/network/site.yaml", site.SITE)
    client.put("/root/network/hosts.yaml", site.HOSTS)
    client.run("cd network && git add . && git commit -q -m 'The network' && git push -q origin HEAD:main", timeout=400)


def is_primary(node: Machine) -> bool:
    """As its daemon sees it."""
    return node.ask("reconciler role").code == 0


def wait_primary(node: Machine, timeout: float = 400) -> None:
    # The file first: the command, emulated, takes seconds of the processor each time.
    what = f"{node.card.name} is primary"
    until(lambda: node.ask("grep -qx primary /run/reconciler/role").code == 0, what, timeout)
    until(lambda: is_primary(node), what, timeout, 1)


def wait_one_primary(trio: Trio, timeout: float = 600) -> Machine:
    """The node that is primary, while the other is not."""

    def found() -> Machine | None:
        primaries = [node for node in trio.nodes if is_primary(node)]
        return primaries[0] if len(primaries) == 1 else None

    node = until(found, "one node is primary", timeout, 3)
    assert node is not None
    return node
