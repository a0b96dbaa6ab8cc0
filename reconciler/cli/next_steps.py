"""What `reconciler init` tells to do next. Pure."""

from pathlib import Path

from reconciler.bootstrap import apparmor
from reconciler.config import DnsmasqSettings, NodeConfig, UpstreamSettings
from reconciler.git import forge

Step = tuple[str, list[str]]
"""What to do, and the lines to write or run for it."""

_READABLE = (Path("/var/lib/bind"), Path("/var/cache/bind"))
"""Folders that AppArmor's profile of named (Debian, Ubuntu) lets it read and write."""

_WRITABLE = Path("/srv")
"""What the daemon's unit may write to, beside BIND's folder."""


def next_steps(settings: NodeConfig, config: Path, user: str) -> str:
    """The steps that are left to a person, in order."""
    steps = []
    if settings.bind:
        steps += _bind(settings.bind.directory, settings.bind.named_conf, settings.mount)
    if settings.dnsmasq:
        steps += _dnsmasq(settings.dnsmasq.directory)
        steps += [
            step for name in settings.dnsmasq.isolated for step in _isolated(name, settings.dnsmasq.instance(name))
        ]
    if settings.bind and settings.dnsmasq and _clash(settings):
        steps.append(_other_port(config))
    if settings.dnsmasq and settings.dnsmasq.dhcp and settings.dnsmasq.dhcp_script is None:
        steps.append(_script(config))
    if settings.role != "always":
        steps.append(("hand the servers to the pair's manager: see docs/pair.md, Installing on a pair", []))
    steps += [
        ("start the daemon", ["systemctl daemon-reload", "systemctl enable --now reconciler-helper.socket reconciler"]),
    ]
    steps += _follow(settings, settings.upstream, user) if settings.upstream else _pushed_to(settings, user)
    lines = ["", f"Next ({config} has every setting explained):"]
    for number, (what, commands) in enumerate(steps, 1):
        lines += [f"{number}. {what}", *(f"     {command}" for command in commands)]
    return "\n".join(lines)


def _follow(settings: NodeConfig, upstream: UpstreamSettings, user: str) -> list[Step]:
    rights = "read, and push the branches audit and leases/* and the notes," if upstream.push_back else "read"
    ssh = settings.own / "ssh"
    return [
        (
            f"let this node in at {forge.shown(upstream.url)}; over ssh by a key of its own, which may {rights} there:",
            [
                f"sudo -u {user} install -d -m 700 {ssh}",
                f"sudo -u {user} ssh-keygen -q -t ed25519 -N '' -f {ssh}/id_ed25519",
                f"ssh-keyscan HOST | sudo -u {user} tee {ssh}/known_hosts   # compare with what the forge publishes",
            ],
        ),
        ("to try it, and for a webhook of the forge:", ["reconciler fetch"]),
    ]


def _pushed_to(settings: NodeConfig, user: str) -> list[Step]:
    return [
        (
            f"let people push: one line a key in ~{user}/.ssh/authorized_keys; NAME stands in the audit",
            [
                f'command="/usr/lib/reconciler/reconciler-git-shell NAME {settings.repo}",restrict '
                "ssh-ed25519 AAAA... NAME"
            ],
        ),
        (
            "on your own machine: clone, with the notes that tell what was applied",
            [
                f"git clone {user}@{settings.node}:{settings.repo} network && cd network",
                "git config --add remote.origin.fetch '+refs/notes/*:refs/notes/*'",
                "git fetch && git log --notes=reconciler",
            ],
        ),
    ]


def _bind(directory: Path, named_conf: Path, mount: Path | None) -> list[Step]:
    steps: list[Step] = []
    # Never the mount itself: the daemon's namespace would keep it alive after an unmount.
    parent = mount.parent if mount and directory.is_relative_to(mount) else directory.parent
    if not any(directory.is_relative_to(folder) for folder in _READABLE):
        steps = [
            (
                "where AppArmor confines named: add to /etc/apparmor.d/local/usr.sbin.named, then reload the profile",
                [*apparmor.rules(directory), f"apparmor_parser -r {apparmor.PROFILE}"],
            ),
        ]
        if not parent.is_relative_to(_WRITABLE):
            steps.append(
                (
                    "let the daemon write there: systemctl edit reconciler, then",
                    ["[Service]", f"ReadWritePaths={parent}"],
                )
            )
    where = named_conf.parent / "named.conf.local"
    include = f'include "{directory}/named.conf.reconciler";'
    return [*steps, (f"let named read what is rendered: add to {where}, then `rndc reconfig`", [include])]


def _dnsmasq(directory: Path) -> list[Step]:
    what = "let dnsmasq read what is rendered: write to /etc/dnsmasq.d/reconciler.conf"
    return [(what, [f"conf-file={directory}/dnsmasq.conf"])]


def _isolated(network: str, own: DnsmasqSettings) -> list[Step]:
    """Debian's dnsmasq@.service reads /etc/default/dnsmasq.NETWORK, which is also what lets the helper restart it."""
    unit = f"dnsmasq@{network}"
    return [
        (
            f"the dnsmasq of network {network}: write to /etc/default/dnsmasq.{network}",
            [f'DNSMASQ_OPTS="--conf-file={own.directory}/dnsmasq.conf"', "DNSMASQ_EXCEPT=lo", "IGNORE_RESOLVCONF=yes"],
        ),
        ("start it: it has no socket until the network is isolated", [f"systemctl enable --now {unit}"]),
    ]


def _script(config: Path) -> Step:
    """Names the paths that `reconciler init` looks for and writes."""
    return (
        "for names of DHCPv6 clients, tied to their MAC: in a clone of the program, then `reconciler init` again",
        [
            "install -D -m 755 hooks/reconciler-dhcp-script /usr/lib/reconciler/reconciler-dhcp-script",
            f"and in {config}, under dnsmasq: `dhcp_script: /usr/lib/reconciler/reconciler-dhcp-script`",
        ],
    )


def _clash(settings: NodeConfig) -> bool:
    """Whether both servers are said to answer in the same place."""
    bind, dnsmasq = settings.bind, settings.dnsmasq
    return bind is not None and dnsmasq is not None and (bind.address, bind.port) == (dnsmasq.address, dnsmasq.port)


def _other_port(config: Path) -> Step:
    return (
        "where both answer DNS: one port cannot be both's. In named.conf.options, then restart named:",
        [
            "listen-on port 5353 { 127.0.0.1; };  listen-on-v6 { none; };",
            f"and in {config}, under bind: `port: 5353`",
        ],
    )
