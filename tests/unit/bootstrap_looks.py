"""Looking at node files in tests: texts, lines, and what the firewall's rules say of a packet."""

from collections.abc import Mapping
from ipaddress import ip_address

from bootstrap_sites import rendered

from reconciler.bootstrap.firewall import Rule


def text(site: str | Mapping[str, str], node: str, path: str) -> str:
    return rendered(site, node)[1][path].text


def lines(site: str, node: str, path: str) -> list[str]:
    """Without comments and blanks at the begin."""
    return [line.strip() for line in text(site, node, path).splitlines() if line.strip() and line.strip()[0] != "#"]


def first(
    found: list[Rule], source: str, to: str, interface: str, port: str = "53", protocol: str = "udp"
) -> bool | None:
    """What the rules say of a packet; None where none fits."""
    for rule in found:
        fits = rule.port == port and rule.protocol == protocol
        fits = fits and (rule.interface is None or rule.interface == interface)
        for value, where in ((source, rule.source), (to, rule.to)):
            fits = fits and (where is None or ip_address(value) in _range(where))
        if fits:
            return rule.allow
    return None


def _range(value: object) -> object:
    return value if hasattr(value, "network_address") else [value]
