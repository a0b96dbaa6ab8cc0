"""What `reconciler init` tells to do next. Pure."""

from pathlib import Path

from reconciler.config import NodeConfig


def next_steps(settings: NodeConfig, config: Path, user: str) -> str:
    """The steps that are left to a person, in order."""
    steps = []
    if settings.bind:
        steps += _bind(settings.bind.directory, settings.bind.named_conf, user)
    if settings.dnsmasq:
        steps += _dnsmasq(settings.dnsmasq.directory)
    steps += [
        ("start the daemon", ["systemctl enable --now reconciler-helper.socket reconciler"]),
        (
            f"let people push: one line a key in the authorized_keys of user {user}; NAME stands in the audit",
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
    lines = ["", f"Next ({config} has every setting explained):"]
    for number, (what, commands) in enumerate(steps, 1):
        lines += [f"{number}. {what}", *(f"     {command}" for command in commands)]
    return "\n".join(lines)


def _bind(directory: Path, named_conf: Path, user: str) -> list[tuple[str, list[str]]]:
    return [
        (
            f"let named read what is rendered: add to {named_conf.parent / 'named.conf.local'}",
            [f'include "{directory}/named.conf.reconciler";'],
        ),
        (
            "where AppArmor confines named: add to /etc/apparmor.d/local/usr.sbin.named, then reload the profile",
            [
                f"{directory}/ r,",
                f"{directory}/** r,",
                f"{directory}/zones/ rw,",
                f"{directory}/zones/** rw,",
                "apparmor_parser -r /etc/apparmor.d/usr.sbin.named",
            ],
        ),
        (f"let {user} use rndc and named use the zones", [f"usermod -aG bind {user}", "systemctl restart named"]),
    ]


def _dnsmasq(directory: Path) -> list[tuple[str, list[str]]]:
    return [
        (
            "let dnsmasq read what is rendered: write to /etc/dnsmasq.d/reconciler.conf",
            [f"conf-file={directory}/dnsmasq.conf"],
        )
    ]
