"""The programs that read a node's files, each asked whether it can: on the node's tree, in namespaces of its own.

A checker gives the program's exit code and words. Nothing of this machine is touched: /etc is a copy, the network has
the node's interfaces and nothing else, and no daemon is started.
"""

import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from reconciler.bootstrap.facts import Facts

ROOT = Path(__file__).resolve().parents[2]
HEARTBEAT = "/usr/libexec/heartbeat/heartbeat"
PATIENCE = 60.0


class Said(NamedTuple):
    well: bool
    text: str


class Node(NamedTuple):
    """The tree of a node, and what it was rendered from."""

    tree: Path
    facts: Facts


def run(argv: list[str], **rest: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, check=False, **rest
    )


def said(argv: list[str], good: tuple[int, ...] = (0,)) -> Said:
    done = run(argv)
    return Said(done.returncode in good, f"{' '.join(argv)}\n{done.returncode}: {done.stdout}")


def inside(node: Node, script: str, good: tuple[int, ...] = (0,)) -> Said:
    """Run `script` as root of the node: its host name, its interfaces and addresses, /etc a copy that may change."""
    lines = ["set -e", f"hostname {node.facts.node}", "ip link set lo up"]
    for number, link in enumerate(link for link in node.facts.links if link.interface):
        lines += [f"ip link add {link.interface} type veth peer name peer{number}", f"ip link set {link.interface} up"]
        lines += [
            f"ip address add {own} dev {link.interface} {'nodad' if own.version == 6 else ''}" for own in link.own
        ]
    lines += [
        "mount -t tmpfs tmpfs /mnt",
        "cp -a /etc /mnt/etc",
        "mount --bind /mnt/etc /etc",
        "mount -t tmpfs tmpfs /run",
    ]
    text = "\n".join([*lines, "set +e", f"cd {shlex.quote(str(node.tree))}", script])
    return said(["unshare", "-m", "-n", "-u", "-p", "-f", "--mount-proc", "sh", "-c", text], good)


def drbd(node: Node) -> Said:
    """As this node, which looks for its own section and its address."""
    (resource,) = (node.tree / "etc/drbd.d").glob("*.res")
    return inside(node, f"drbdadm -c {resource} dump all")


def heartbeat(node: Node) -> Said:
    """Its own parser of all three files: `heartbeat -r` reads them before it tells the running one to do so.

    The process that it takes for the running one is itself, by the file with the number: it reads, and where all is
    well ends by the signal that it sends (129, 128 + SIGHUP).
    """
    return inside(
        node,
        "cp -a etc/ha.d/. /etc/ha.d/; mount -t tmpfs tmpfs /var/lib/heartbeat; mkdir -p /run/heartbeat "
        "/var/lib/heartbeat/cores; ulimit -c 0; "
        f"sh -c 'echo $$ >/run/heartbeat.pid; exec {HEARTBEAT} -r' & wait $!",
        (129,),
    )


def haresources(node: Node) -> Said:
    """heartbeat's own script takes the line apart as it does at a takeover, with stand-ins that say their arguments."""
    names = "drbddisk Filesystem IPaddr2 IPv6addr reconciler-prepare reconciler-service reconciler-active"
    stand_in = "printf '#!/bin/sh\\necho \"$0 $*\" >>/run/told\\n'"
    script = f"""
rm -f /etc/ha.d/resource.d/*; cp -a etc/ha.d/. /etc/ha.d/
for name in {names}; do {stand_in} >/etc/ha.d/resource.d/$name; chmod +x /etc/ha.d/resource.d/$name; done
mount -t tmpfs tmpfs /var/log
export HA_STOPRETRYMAX=1
key=$(/usr/share/heartbeat/ResourceManager listkeys {node.facts.shared.first} | head -n 1)
/usr/share/heartbeat/ResourceManager takegroup "$key" >/run/log 2>&1
cat /run/log; grep ' start$' /run/told; grep -q 'reconciler-active start$' /run/told
"""
    return inside(node, script)


def keepalived(node: Node) -> Said:
    return inside(node, "mkdir /run/reconciler-ha; keepalived -t -f $PWD/etc/keepalived/keepalived.conf")


def ha_conf(node: Node) -> Said:
    """As the pair's scripts read it: by sh, and by the program that runs the group."""
    program = (
        "import ha_group; conf = ha_group.read_conf(open('etc/reconciler/ha.conf').read()); "
        "print([ha_group.resource(word) for word in conf['GROUP'].split()])"
    )
    return inside(
        node,
        "mkdir -p /etc/ha.d/resource.d; "
        f"sh -euc '. ./etc/reconciler/ha.conf; test -n \"$GROUP\"' && "
        f'RECONCILER_HOOKS={ROOT}/hooks PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={ROOT}/hooks python3 -c "{program}"',
    )


def pacemaker(node: Node) -> Said:
    """pcs is not asked, which needs a cluster: sh, and the words by the shape of pcs's own."""
    stub = "pcs() { case $1-$2 in resource-* | constraint-*) ;; *) exit 9 ;; esac; }"
    return said(["sh", "-euc", f"{stub}; . {node.tree}/pacemaker.sh"])


def nftables(node: Node) -> Said:
    """Twice and for real in a network of its own: a second load replaces the first."""
    file = "etc/nftables.d/reconciler.nft"
    return inside(node, f"nft -c -f {file} && nft -f {file} && nft -f {file} && nft list table inet reconciler")


def ufw(node: Node) -> Said:
    return inside(node, "sed 's/^ufw /ufw --dry-run /' ufw.sh >/run/ufw.sh; sh -e /run/ufw.sh")


def named(node: Node) -> Said:
    """Chrooted into the tree, with Debian's named.conf, which includes both files."""
    etc = node.tree / "etc/bind"
    (etc / "named.conf").write_text('include "/etc/bind/named.conf.options";\ninclude "/etc/bind/named.conf.local";\n')
    included = node.tree / node.facts.bind_directory.lstrip("/") / "named.conf.reconciler"
    included.parent.mkdir(parents=True, exist_ok=True)
    included.write_text("")
    (node.tree / "var/cache/bind").mkdir(parents=True, exist_ok=True)
    return said(["named-checkconf", "-t", str(node.tree), "/etc/bind/named.conf"])


def dnsmasq(node: Node) -> Said:
    """What Debian's systemd-helper does with the files: read by sh, then `--test` with what they set."""
    found = []
    for defaults in sorted((node.tree / "etc/default").glob("dnsmasq*")):
        instance = defaults.name != "dnsmasq"
        conf = "dnsmasq/isolated/" + defaults.name.partition(".")[2] if instance else "dnsmasq"
        file = f"{node.facts.root}/{conf}/dnsmasq.conf"
        found.append(
            f"mkdir -p $(dirname {file}); : >{file}; "
            f"sh -euc '. {defaults}; dnsmasq --test ${{CONFIG_DIR:+-7 $CONFIG_DIR}} ${{DNSMASQ_OPTS-}}'"
        )
    prepare = (
        "mount -t tmpfs tmpfs /srv; mkdir -p /etc/dnsmasq.d; rm -f /etc/dnsmasq.d/*; cp etc/dnsmasq.d/* /etc/dnsmasq.d/"
    )
    return inside(node, f"{prepare}; {' && '.join(found)}")


def netplan(node: Node) -> Said:
    return inside(
        node,
        "mkdir -p /run/np/etc/netplan; cp -a etc/netplan/* /run/np/etc/netplan/; netplan generate --root-dir /run/np",
    )


def ifupdown(node: Node) -> Said:
    return inside(node, "ifup --no-act -a -i $PWD/etc/network/interfaces.d/reconciler")


def apparmor(node: Node) -> Said:
    """Inside a profile like Debian's, which includes the file; compiled, not loaded."""
    profile = "profile named /usr/sbin/named { include <local/usr.sbin.named> }"
    return inside(
        node, f"echo '{profile}' >/run/profile; apparmor_parser -Q -K -S -b etc/apparmor.d /run/profile >/dev/null"
    )


def units(node: Node) -> Said:
    """systemd's own reading of the project's units, the servers' and the drop-ins, without what is not installed here.

    `verify` does not fail for unknown words, so what it says about the drop-ins counts.
    """
    servers = {"named", "dnsmasq", "dnsmasq@", "heartbeat"}
    body = "[Service]\\nType=exec\\nExecStart=/bin/true\\nExecStop=/bin/true\\n"
    made = "".join(f"printf '{body}' >/etc/systemd/system/{name}.service\n" for name in sorted(servers))
    names = sorted(path.parent.name.removesuffix(".d") for path in (node.tree / "etc/systemd/system").glob("*.d/*"))
    asked = " ".join(name.replace("@.", "@guest.") for name in dict.fromkeys(names))
    script = (
        f"{made}cp {ROOT}/systemd/*.service /etc/systemd/system/; cp -a etc/systemd/system/. /etc/systemd/system/\n"
    )
    script += f"systemd-analyze verify --man=no --recursive-errors=no {asked}"
    done = inside(node, script, (0, 1))
    about = [line for line in done.text.splitlines() if ".service.d/" in line]
    return Said(done.well and not about, done.text)


def resolved(node: Node) -> Said:
    """systemd's own reading of the file, by a unit of the same form: there is no checker for resolved.conf(5)."""
    return inside(node, "systemd-analyze cat-config --root=$PWD systemd/resolved.conf | grep -q ^DNSStubListener=no")


def resolv_conf(node: Node) -> Said:
    """The C library's own: what it would ask is what the file names."""
    program = (
        "import dns.resolver; found = dns.resolver.Resolver('etc/resolv.conf').nameservers; print(found); assert found"
    )
    return said(["sh", "-c", f'cd {node.tree} && exec {shlex.quote(PYTHON)} -c "{program}"'])


def sshd(node: Node) -> Said:
    key = "/etc/ssh/reconciler"
    return inside(
        node,
        f"mkdir -p {key} /run/sshd; ssh-keygen -q -t ed25519 -N '' -f {key}/ssh_host_ed25519_key; "
        "ssh-keygen -q -A; /usr/sbin/sshd -t -f etc/ssh/sshd_config.d/reconciler.conf",
    )


def sysusers(node: Node) -> Said:
    """Into a root folder with nobody but root in it; then the numbers are those of the file."""
    script = """
mkdir -p /run/r/etc; echo root:x:0:0::/root:/bin/sh >/run/r/etc/passwd
printf 'root:x:0:\\nnogroup:x:65534:\\n' >/run/r/etc/group
systemd-sysusers --root=/run/r $PWD/etc/sysusers.d/reconciler.conf 2>&1 | tee /run/said
cat /run/r/etc/passwd
! grep -qi 'failed\\|invalid\\|unknown' /run/said && grep -q ^reconciler:x:853:853: /run/r/etc/passwd
"""
    return inside(node, script)


def scripts(node: Node) -> Said:
    return said(["shellcheck", *map(str, sorted(node.tree.glob("*.sh")))])


PYTHON = __import__("sys").executable

CHECKERS: Mapping[str, tuple[str, Callable[[Node], Said]]] = {
    "drbdadm": ("etc/drbd.d", drbd),
    "heartbeat": ("etc/ha.d", heartbeat),
    "ResourceManager": ("etc/ha.d", haresources),
    "keepalived": ("etc/keepalived", keepalived),
    "ha.conf": ("etc/reconciler/ha.conf", ha_conf),
    "pacemaker.sh": ("pacemaker.sh", pacemaker),
    "nft": ("etc/nftables.d", nftables),
    "ufw": ("ufw.sh", ufw),
    "named-checkconf": ("etc/bind", named),
    "dnsmasq": ("etc/dnsmasq.d", dnsmasq),
    "netplan": ("etc/netplan", netplan),
    "ifup": ("etc/network", ifupdown),
    "apparmor_parser": ("etc/apparmor.d", apparmor),
    "systemd-analyze": ("etc/systemd/system", units),
    "resolved.conf": ("etc/systemd/resolved.conf.d", resolved),
    "resolv.conf": ("etc/resolv.conf", resolv_conf),
    "sshd": ("etc/ssh", sshd),
    "systemd-sysusers": ("etc/sysusers.d", sysusers),
    "shellcheck": ("ufw.sh", scripts),
}
"""By program: the path that it is about, without which there is nothing to ask, and how it is asked."""
