"""Networks with their defaults filled in, and which of them an address belongs to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.checks.lookup import Address, PrefixMap
from reconciler.checks.report import Report
from reconciler.site import SiteNetwork
from reconciler.state.model import State


@dataclass(frozen=True, slots=True)
class Networks:
    """All networks by name and by prefix."""

    by_name: Mapping[str, SiteNetwork]
    by_prefix: PrefixMap[str]
    with_ipv6: tuple[str, ...]
    """Names of those that have an IPv6 prefix."""

    def of(self, address: Address, hints: Sequence[str | None] = ()) -> str | None:
        """The network of an address; where several share the prefix, the first of `hints` among them."""
        found = self.by_prefix.find(address)
        if len(found) > 1:
            for hint in hints:
                if hint in found:
                    return hint
        return found[0] if found else None


def networks(state: State, report: Report) -> Networks:
    """Join the networks of site.yaml with the site's domain."""
    result: dict[str, SiteNetwork] = {}
    prefixes: PrefixMap[str] = PrefixMap()
    for name, settings in state.site.networks.items():
        domain = settings.domain or state.site.domain
        if domain is None:
            report.error(
                state.site_locator.at("networks", name),
                f'network "{name}" has no domain',
                "add `domain:` here, or one for the whole site",
            )
            domain = "invalid."
        result[name] = SiteNetwork(name, domain, settings)
        for prefix in (settings.ipv4, settings.prefix6):
            if prefix is not None:
                prefixes.add(prefix, name)
    with_ipv6 = tuple(name for name, network in result.items() if network.settings.prefix6)
    return Networks(result, prefixes, with_ipv6)
