"""dnsmasq's own configuration: Debian's defaults file, and the one line that includes what is rendered later."""

from reconciler.bootstrap.facts import Facts
from reconciler.bootstrap.text import NodeFile, commented, word

_DEFAULTS = (
    "# What is asked upstream stands in the rendered configuration, not in what resolvconf found.",
    "IGNORE_RESOLVCONF=yes",
    "CONFIG_DIR=/etc/dnsmasq.d,.dpkg-dist,.dpkg-old,.dpkg-new",
)


def files(facts: Facts) -> dict[str, NodeFile]:
    """`/etc/default/dnsmasq`, `/etc/dnsmasq.d/reconciler.conf`, and defaults for the instances of isolated networks."""
    if not facts.has_dnsmasq:
        return {}
    folder = f"{word(facts.root)}/dnsmasq"
    return {
        **{f"etc/default/dnsmasq.{word(name)}": _instance(folder, name) for name in facts.isolated},
        "etc/default/dnsmasq": NodeFile(commented(_DEFAULTS, "Read by sh, from Debian's unit.")),
        "etc/dnsmasq.d/reconciler.conf": NodeFile(commented([f"conf-file={folder}/dnsmasq.conf"])),
    }


def _instance(folder: str, network: str) -> NodeFile:
    """Of Debian's dnsmasq@.service. Without CONFIG_DIR: what stands in /etc/dnsmasq.d is the main one's."""
    lines = [
        f'DNSMASQ_OPTS="--conf-file={folder}/isolated/{word(network)}/dnsmasq.conf"',
        "DNSMASQ_EXCEPT=lo",
        "IGNORE_RESOLVCONF=yes",
    ]
    return NodeFile(commented(lines, f"Read by sh, from Debian's unit dnsmasq@{network}."))
