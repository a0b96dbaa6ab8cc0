"""Checks of `isolated: yes`: what keeps two networks from being told apart by dnsmasq."""

from reconciler.checks.report import Report
from reconciler.state.model import State
from reconciler.state.schema import Network


def check(state: State, report: Report) -> None:
    """An isolated network has its own interface, by which its dnsmasq knows it, and its own domain."""
    if state.site.dns.clients_ask != "dnsmasq":
        return
    for name, network in state.site.networks.items():
        if not network.isolated:
            continue
        for other, its in state.site.networks.items():
            if other != name:
                _check_pair(state, name, network, (other, its), report)


def _check_pair(state: State, name: str, network: Network, other: tuple[str, Network], report: Report) -> None:
    at = state.site_locator.at("networks", name, "isolated")
    domain = network.domain or state.site.domain
    if domain is not None and domain == (other[1].domain or state.site.domain):
        report.error(
            at,
            f'network "{name}" is isolated, and has the domain {domain} together with network "{other[0]}"',
            "give it a `domain:` of its own",
        )
    if network.interface is not None and network.interface == other[1].interface:
        report.error(
            at,
            f'network "{name}" is isolated, and is on interface {network.interface} together with network "{other[0]}"',
            "give it an interface of its own, a VLAN say",
        )
