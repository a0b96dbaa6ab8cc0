"""ssh: a host key that both nodes of a pair show, and who may push (sshd_config(5), sshd(8) AUTHORIZED_KEYS)."""

from reconciler.bootstrap.facts import Facts
from reconciler.bootstrap.text import SECRET, NodeFile, commented, word

HOST_KEY = "/etc/ssh/reconciler/ssh_host_ed25519_key"
"""Made once, on one node, and carried to the other: whoever comes through the moving address meets one key."""
KEYS = "/srv/reconciler/.ssh/authorized_keys"
"""On the node's own disk: ssh answers on a standby too."""


def files(facts: Facts) -> dict[str, NodeFile]:
    """sshd's drop-in, and a file of keys to fill in."""
    # sshd shows one key of a type, whichever address was asked: so it is this one everywhere (sshd_config(5), HostKey).
    lines = [f"HostKey {HOST_KEY}", ""] if facts.shared else []
    lines += [
        "Match User reconciler",
        "    AuthenticationMethods publickey",
        "    DisableForwarding yes",
        "    PermitTTY no",
        "    PermitUserRC no",
        # What comes after this file is for everybody again.
        "Match all",
    ]
    forced = f'command="/usr/lib/reconciler/reconciler-git-shell ada {word(facts.root)}/state.git",restrict'
    about = (
        "One line for each person's key; the name after reconciler-git-shell stands in the audit as who pushed:",
        f"{forced} ssh-ed25519 AAAA... ada",
    )
    return {
        "etc/ssh/sshd_config.d/reconciler.conf": NodeFile(commented(lines)),
        KEYS.removeprefix("/"): NodeFile(commented([], *about), SECRET),
    }
