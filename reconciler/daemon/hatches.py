"""What a node's settings let escape hatches use beyond the built-in lists."""

from reconciler.config import NodeConfig
from reconciler.state.hatches import HatchAllowance


def allowance(config: NodeConfig) -> HatchAllowance:
    """Statements and directives that bind.d/ and dnsmasq.d/ may use beside the usual ones."""
    return HatchAllowance(
        bind=frozenset(config.bind.allow if config.bind else ()),
        dnsmasq=frozenset(config.dnsmasq.allow if config.dnsmasq else ()),
    )
