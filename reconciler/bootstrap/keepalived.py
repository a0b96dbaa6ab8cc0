"""keepalived's configuration (keepalived.conf(5)) and what the pair's scripts are told (hooks/ha.conf.example)."""

from collections.abc import Sequence
from typing import NamedTuple

from reconciler.bootstrap import secret
from reconciler.bootstrap.facts import Address, Facts, Interface, Shared
from reconciler.bootstrap.text import SECRET, NodeFile, argument, block, commented, word

GROUP = "RECONCILER"
_LONGEST = 8
"""Characters of auth_pass; keepalived cuts what is longer."""
_RETURN = 30
"""Seconds before the preferred node takes the role back: its disk has to be connected again."""


class _Instance(NamedTuple):
    name: str
    own: Address
    peer: Address
    addresses: list[str]
    beside: list[str]


def files(facts: Facts) -> dict[str, NodeFile]:
    """keepalived.conf, which differs between the nodes, and ha.conf, which does not."""
    shared = facts.shared
    if shared is None or shared.pair.manager != "keepalived":
        return {}
    instances = _instances(facts, shared)
    lines = [
        *_global(facts),
        "",
        "# 1 while this node could not take disk or servers: it then gives up the addresses.",
        *block("vrrp_track_file reconciler_fault", "file /run/reconciler-ha/fault", "weight 0", "init_file 0"),
        *_together(instances),
    ]
    for instance in instances:
        lines += ["", *_instance(facts, shared, instance)]
    about = f"{shared.peer.name} has its own router_id, priority and addresses the other way round; keepalived.conf(5)."
    return {
        "etc/keepalived/keepalived.conf": NodeFile(commented(lines, about), SECRET),
        "etc/reconciler/ha.conf": NodeFile(commented([f'GROUP="{" ".join(_group(facts, shared))}"'])),
    }


def _global(facts: Facts) -> list[str]:
    return block(
        "global_defs",
        f"router_id {word(facts.node)}",
        "script_user root",
        "enable_script_security",
        "notify_fifo /run/reconciler-ha/keepalived.fifo",
        "# A reload closes the FIFO: say the state again, or it is taken for keepalived's death.",
        "fifo_write_vrrp_states_on_reload",
    )


def _together(instances: Sequence[_Instance]) -> list[str]:
    """Instances that move as one; `keepalived -t` says of a group of one that it is a mistake."""
    if len(instances) == 1:
        return []
    names = block("group", *(instance.name for instance in instances))
    return ["", *block(f"vrrp_sync_group {GROUP}", names, block("track_file", "reconciler_fault"))]


def _instances(facts: Facts, shared: Shared) -> list[_Instance]:
    """One for each family that both nodes speak. What no instance of its family could carry moves beside another's."""
    found: dict[int, _Instance] = {}
    for version in (4, 6):
        pair = facts.between(version)
        if pair is not None:
            found[version] = _Instance(f"ipv{version}", *pair, [], [])
    for link in facts.links:
        for address in link.virtual:
            home = found.get(address.version)
            place = home.addresses if home else next(iter(found.values())).beside
            place.append(_address(address, link.interface))
    used = [each for each in found.values() if each.addresses or each.beside] or list(found.values())
    # reconciler-keepalived follows what has this name, be it a group or an instance.
    return used if len(used) > 1 else [used[0]._replace(name=GROUP)]


def _address(address: Interface, interface: str | None) -> str:
    # An address that moves is not to be chosen as the source of what this node itself asks.
    tail = " preferred_lft 0" if address.version == 6 else ""
    return f"{address.with_prefixlen} dev {word(interface)}{tail}"


def _instance(facts: Facts, shared: Shared, instance: _Instance) -> list[str]:
    pair = shared.pair
    priority = 100 if shared.first == facts.node else 90
    return block(
        f"vrrp_instance {instance.name}",
        "state BACKUP",
        f"preempt_delay {_RETURN}" if pair.auto_failback else "nopreempt",
        f"interface {word(shared.main.interface)}",
        f"virtual_router_id {pair.virtual_router_id}",
        f"priority {priority}",
        "advert_int 1",
        _authentication(facts, instance),
        f"unicast_src_ip {instance.own}",
        block("unicast_peer", str(instance.peer)),
        block("track_file", "reconciler_fault") if instance.name == GROUP else [],
        *([block("virtual_ipaddress", *instance.addresses)] if instance.addresses else []),
        *([block("virtual_ipaddress_excluded", *instance.beside)] if instance.beside else []),
    )


def _authentication(facts: Facts, instance: _Instance) -> Sequence[str]:
    """VRRP over IPv6 has none (RFC 5798 section 9)."""
    reference = secret.auth(facts.site.pair)
    if reference is None or instance.own.version == 6:
        return ()
    known = secret.value(facts, reference, _LONGEST)
    if known is None:
        # No keyword of keepalived's: `keepalived -t` and the start complain.
        return block("authentication", "auth_type PASS", secret.placeholder(reference))
    return block("authentication", "auth_type PASS", f'auth_pass "{known}"')


def _group(facts: Facts, shared: Shared) -> list[str]:
    drbd = shared.drbd
    return [
        f"drbddisk::{argument(drbd.resource)}",
        f"reconciler-mount::{argument(drbd.device)}::{argument(drbd.mount)}",
        "reconciler-prepare",
        *(f"reconciler-service::{argument(unit)}" for unit in facts.servers),
        "reconciler-active",
    ]
