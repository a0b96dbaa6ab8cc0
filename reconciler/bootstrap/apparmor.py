"""What AppArmor has to let named do on the shared disk (apparmor.d(5))."""

from reconciler.bootstrap.facts import Facts
from reconciler.bootstrap.text import NodeFile, commented, word

PROFILE = "/etc/apparmor.d/usr.sbin.named"
"""Debian's and Ubuntu's; it lets named into /etc/bind, /var/lib/bind and /var/cache/bind only."""


def files(facts: Facts) -> dict[str, NodeFile]:
    """The profile's local part, on a pair with BIND."""
    if facts.shared is None or not facts.has_bind:
        return {}
    return {"etc/apparmor.d/local/usr.sbin.named": NodeFile(commented(rules(word(facts.bind_directory))))}


def rules(directory: object) -> list[str]:
    """Rules for named's folder: all of it is read, `zones/` is written."""
    return [f"{directory}/ r,", f"{directory}/** r,", f"{directory}/zones/ rw,", f"{directory}/zones/** rw,"]
