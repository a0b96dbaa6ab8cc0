"""dnsmasq's own configuration: Debian's defaults file, and the one line that includes what is rendered later."""

from reconciler.bootstrap.facts import Facts
from reconciler.bootstrap.text import NodeFile, commented, word

_DEFAULTS = (
    "# What is asked upstream stands in the rendered configuration, not in what resolvconf found.",
    "IGNORE_RESOLVCONF=yes",
    "CONFIG_DIR=/etc/dnsmasq.d,.dpkg-dist,.dpkg-old,.dpkg-new",
)


def files(facts: Facts) -> dict[str, NodeFile]:
    """`/etc/default/dnsmasq` and `/etc/dnsmasq.d/reconciler.conf`."""
    if not facts.has_dnsmasq:
        return {}
    return {
        "etc/default/dnsmasq": NodeFile(commented(_DEFAULTS, "Read by sh, from Debian's unit.")),
        "etc/dnsmasq.d/reconciler.conf": NodeFile(commented([f"conf-file={word(facts.root)}/dnsmasq/dnsmasq.conf"])),
    }
