"""First steps of the README: accounts, secrets, network, packages, the program and its units. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from reconciler.bootstrap import secret
from reconciler.bootstrap.facts import Facts
from reconciler.bootstrap.steps import Run, Step, run
from reconciler.bootstrap.text import NodeFile, word

SECRETS_STEP = "Secrets"
SECRETS = "/etc/reconciler/secrets"
_BYTES = {"keepalived": 4}
"""Random bytes of a secret; keepalived takes 8 characters."""


PUT = 'put() { sudo install -D -m "$1" "$2" "/$2"; }'
"""A function of sh's: a file of this folder to its place, with its mode."""


def install(files: Mapping[str, NodeFile], paths: Iterable[str]) -> list[str]:
    """Commands that copy files to their places with their modes."""
    return [f"put {files[path].mode:o} {path}" for path in paths if path in files]


def accounts(facts: Facts, files: Mapping[str, NodeFile]) -> Step:
    """Numbers of users, before packages make users of their own."""
    names = ["reconciler", *(["bind"] if facts.has_bind else []), *(["dnsmasq"] if facts.has_dnsmasq else [])]
    parts: list[str | Run] = []
    if facts.shared is not None:
        parts += [
            "Users have the same numbers on both nodes. Accounts that packages have made already are brought to them:",
            run("sudo sh users.sh", prints="a line for each account that was changed"),
        ]
    shown = "its numbers" if facts.shared is None else "the same numbers on both nodes"
    return Step(
        "Users",
        (
            *parts,
            run(
                *install(files, ["etc/sysusers.d/reconciler.conf"]),
                "sudo systemd-sysusers",
                prints="`Creating user …` for each that was not there",
            ),
            run(*(f"id {name}" for name in names if facts.shared or name == "reconciler"), prints=shown),
        ),
    )


def secrets(facts: Facts) -> Step | None:
    """Where secrets lie, and how those that are missing are made."""
    parts = [*_of_pair(facts), *_of_daemon(facts)]
    if not parts:
        return None
    both = "" if facts.shared is None else ", the same on both nodes: make them on **one** and carry them over"
    return Step(
        SECRETS_STEP,
        (f"Files in `{SECRETS}`{both}.", run(f"sudo install -d -m 750 -g reconciler {SECRETS}"), *parts),
    )


def _of_pair(facts: Facts) -> Iterator[str | Run]:
    """What stands in this folder's files."""
    wanted = secret.wanted(facts.site.pair)
    if not wanted or facts.shared is None:
        return
    for name, purpose in wanted.items():
        reference = secret.auth(facts.site.pair)
        mine = reference is not None and reference.secret == name
        size = _BYTES.get(facts.shared.pair.manager, 16) if mine else 16
        path = f"{SECRETS}/{name}"
        text = f"head -c {size} /dev/urandom | od -An -tx1 | tr -d ' \\n'"
        yield f"For {purpose}:"
        yield run(f'sudo test -e {path} || sudo sh -c "umask 077; {text} >{path}"')
    yield (
        "With them this folder is made anew, from outside of it, on the node: "
        f"`sudo reconciler bootstrap {facts.node} -o DIR STATE-DIR`."
    )


def _of_daemon(facts: Facts) -> Iterator[str | Run]:
    """What the state names besides: nobody but a person knows it."""
    names = secret.of_daemon(facts.site)
    if names:
        yield "Read by the daemon; each command takes a line, which ends with Enter and Ctrl-D:"
        yield run(*(f"sudo install -m 640 -g reconciler /dev/stdin {SECRETS}/{word(name)}" for name in names))


def network(facts: Facts, files: Mapping[str, NodeFile]) -> Step | None:
    """Interfaces, for one of two programs."""
    ifupdown, netplan = "etc/network/interfaces.d/reconciler", "etc/netplan/60-reconciler.yaml"
    if ifupdown not in files:
        return None
    names = ", ".join(link.interface for link in facts.links if link.interface)
    return Step(
        "Interfaces",
        (
            f"One of the two, whichever this machine uses. {names} must not stand in another file of it as well: "
            "remove it there. From a console, or be sure of the way back.",
            "With ifupdown (Debian):",
            run(*install(files, [ifupdown]), "sudo ifup --no-act -a", prints="the commands that it would run"),
            run("sudo systemctl restart networking", "ip -br address", prints="the addresses of the file"),
            "With netplan (Ubuntu):",
            run(*install(files, [netplan]), "sudo netplan try", prints="a question; Enter keeps what is new"),
        ),
    )


def packages(facts: Facts) -> Step:
    """What is installed, and not started."""
    names = ["git", "python3-venv"]
    names += ["bind9", "bind9-utils", "bind9-dnsutils"] if facts.has_bind else []
    names += ["dnsmasq"] if facts.has_dnsmasq else []
    if facts.site.wan is not None and facts.site.wan.publish:
        names += ["ddclient", "libio-socket-ssl-perl"]
    if facts.shared is not None:
        manager = facts.shared.pair.manager
        names.append("drbd-utils")
        names += {
            "heartbeat": ["heartbeat", "resource-agents", "psmisc"],
            "keepalived": ["keepalived"],
            "pacemaker": ["pacemaker", "pcs", "resource-agents"],
        }[manager]
    stopped = [
        *(unit for unit in facts.servers if facts.shared and "@" not in unit),
        *(["ddclient"] if "ddclient" in names else []),
    ]
    parts: list[str | Run] = [run(f"sudo apt install {' '.join(names)}")]
    if facts.has_dnsmasq:
        parts.append("That dnsmasq could not start beside another server on port 53 is no harm.")
    if stopped:
        why = "The pair's manager alone starts the servers; " if facts.shared else ""
        ddclient = "the reconciler runs ddclient by itself" if "ddclient" in stopped else ""
        parts.append((why + ddclient).rstrip("; ") + ":")
        parts.append(run(f"sudo systemctl disable --now {' '.join(stopped)}"))
    return Step("Packages", tuple(parts))


def program(facts: Facts) -> Step:
    """README.md of the program, Installing on one node, steps 2 and 3."""
    scripts = ["hooks/reconciler-git-shell", "hooks/reconciler-dhcp-script"]
    if facts.shared is not None:
        scripts = ["hooks/reconciler-*"]
    copies = [f"sudo install -m 755 {' '.join(f'$CLONE/{name}' for name in scripts)} /usr/lib/reconciler/"]
    if facts.shared is not None:
        copies.append("sudo install -m 644 $CLONE/hooks/reconciler-ha.sh $CLONE/hooks/ha_group.py /usr/lib/reconciler/")
    prepare = "/etc/systemd/system/named.service.d/reconciler-prepare.conf"
    named = [f"sudo install -D -m 644 $CLONE/systemd/named-prepare.conf {prepare}"] if facts.has_bind else []
    return Step(
        "The program",
        (
            run(
                "sudo /usr/bin/python3 -m venv /opt/reconciler",
                "sudo /opt/reconciler/bin/pip install $CLONE",
                "sudo ln -sf /opt/reconciler/bin/reconciler /usr/local/bin/reconciler",
                "reconciler --version",
                prints="at its end the version",
            ),
            run(
                "sudo install -D -m 644 $CLONE/systemd/reconciler.tmpfiles /etc/tmpfiles.d/reconciler.conf",
                "sudo install -m 644 $CLONE/systemd/*.service $CLONE/systemd/*.socket /etc/systemd/system/",
                "sudo install -D -m 755 $CLONE/systemd/reconciler-helper /usr/lib/reconciler/reconciler-helper",
                *copies,
                *named,
                "sudo systemd-tmpfiles --create reconciler.conf",
            ),
        ),
    )


def units(facts: Facts, files: Mapping[str, NodeFile]) -> Step | None:
    """Drop-ins of the units."""
    found = sorted(path for path in files if path.startswith("etc/systemd/system/"))
    if not found:
        return None
    check = f"systemctl cat {facts.servers[-1]}"
    shown = "the unit, with its drop-ins at the end"
    return Step("Drop-ins", (run(*install(files, found), "sudo systemctl daemon-reload", check, prints=shown),))
