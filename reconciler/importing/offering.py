"""What networks offer their clients: on which interface, with which DHCP options, router and DNS servers."""

from collections.abc import Sequence
from ipaddress import ip_address

from reconciler.importing.found import Fate, FoundDhcp
from reconciler.importing.ledger import Ledger
from reconciler.importing.networks import Planned
from reconciler.state.types import _INTERFACE as INTERFACE

_STAND_IN_INTERFACE = "eth0"


def offer(networks: Sequence[Planned], dhcp: FoundDhcp, ledger: Ledger) -> None:
    """Fill in interfaces, options, routers, and where DNS is answered."""
    work = _Offer(networks, dhcp, ledger)
    work.interfaces()
    work.options()
    work.servers()


class _Offer:
    def __init__(self, networks: Sequence[Planned], dhcp: FoundDhcp, ledger: Ledger) -> None:
        self.networks = networks
        self._dhcp = dhcp
        self._ledger = ledger

    def interfaces(self) -> None:
        """Which interface serves a network that needs one."""
        plain = [name for name in self._dhcp.interfaces if INTERFACE.fullmatch(name) and name != "lo"]
        taken = {network.interface for network in self.networks}
        free = [name for name in plain if name not in taken]
        waiting = [
            network for network in self.networks if not network.interface and (network.dhcp or network.ipv6_mode)
        ]
        for network in waiting:
            network.interface = free.pop(0) if free else plain[0] if len(plain) == 1 else _STAND_IN_INTERFACE
            if len(waiting) > 1 or network.interface not in plain or len(plain) > 1:
                self._ledger.guess(f"interface {network.interface} serves {network.ipv4 or network.ipv6}; correct it")
        for network in self.networks:
            if network.interface in self._dhcp.no_router:
                network.default_router = False
            elif network.default_router:
                what = f"this server goes on announcing itself as IPv6 router of {network.ipv4 or network.ipv6}"
                self._ledger.guess(f"{what} (router_advertisement_default)")

    def options(self) -> None:
        """DHCP options by tag or for all; what belongs to no network stays raw."""
        for option in self._dhcp.options:
            homes = [item for item in self.networks if item.dhcp or item.ipv6_mode]
            if option.tag:
                homes = [item for item in homes if option.tag in item.tags or option.tag == item.interface]
            if not homes:
                what = f"no network has the tag {option.tag}" if option.tag else "no network has DHCP"
                self._ledger.mark(option.path, option.number, Fate.HATCH, what)
            for network in homes:
                self._option(network, option.name, list(option.values), general=not option.tag, version=option.version)
                self._ledger.note(option.path, option.number, f"option {option.name} of the network's `dhcp:`")
        for network in self.networks:
            self._router(network)

    def _option(self, network: Planned, name: str, values: list[str], *, general: bool, version: int) -> None:
        """One with a tag goes before one without (dnsmasq(8), --dhcp-option); families stand side by side."""
        known = network.options.get(name, [])
        same = [value for value in known if (":" in value) == (version == 6)]
        if general and same:
            return
        network.options[name] = [value for value in known if value not in same] + values

    def _router(self, network: Planned) -> None:
        values = network.options.pop("router", None)
        if not network.dhcp or not network.ipv4:
            return
        if values is None:
            network.options["router"] = ["0.0.0.0"]  # noqa: S104  Means the server itself.
            what = f"this server stays the router of {network.ipv4}, as dnsmasq says where no option does"
            self._ledger.guess(f"{what}; write `router:` if another is meant")
        elif len(values) == 1 and values[0] != "0.0.0.0" and network.holds(ip_address(values[0])):  # noqa: S104
            network.router = values[0]
        elif values:
            network.options["router"] = values

    def servers(self) -> None:
        """Addresses that dnsmasq listens on are where DNS is answered."""
        for address in self._dhcp.listen:
            home = next((network for network in self.networks if network.holds(address)), None)
            if home is not None:
                home.virtual_ips.append(address)
                self._ledger.guess(f"{address}, where dnsmasq listens, is a virtual IP, or this server's own address")
