"""A node put together from its settings: the parts that a pass works with."""

from dataclasses import dataclass

from reconciler.apply import Applier
from reconciler.audit.leases import LeaseHistory
from reconciler.audit.record import Audit
from reconciler.config import NodeConfig
from reconciler.daemon.leases import Leases
from reconciler.daemon.pushes import Pushes
from reconciler.effects import Effects
from reconciler.evaluate import Evaluator, nobody, silent
from reconciler.git.repo import StateRepo
from reconciler.manifest import ManifestStore
from reconciler.role.always import Always
from reconciler.role.base import RoleProvider
from reconciler.services.base import Service
from reconciler.services.bind.service import Bind
from reconciler.services.dnsmasq.service import Dnsmasq
from reconciler.state.hatches import HatchAllowance


@dataclass(frozen=True, slots=True)
class Node:
    """Everything that this node's settings make."""

    config: NodeConfig
    role: RoleProvider
    effects: Effects
    repo: StateRepo
    store: ManifestStore
    services: tuple[Service, ...]
    evaluator: Evaluator
    applier: Applier
    audit: Audit
    pushes: Pushes
    leases: Leases | None


def assemble(config: NodeConfig) -> Node:
    """Make the parts; touches nothing."""
    role = Always()
    effects = Effects(role, helper=config.helper)
    services: list[Service] = []
    if config.bind:
        services.append(Bind(config.bind, secrets=config.secrets))
    if config.dnsmasq:
        services.append(Dnsmasq(config.dnsmasq, bind=config.bind))
    store = ManifestStore(config.state)
    allow = HatchAllowance(
        bind=frozenset(config.bind.allow if config.bind else ()),
        dnsmasq=frozenset(config.dnsmasq.allow if config.dnsmasq else ()),
    )
    source = config.lease_source
    history = LeaseHistory(config.repo, effects, node=config.node)
    leases = Leases(source, config.state, history) if source else None
    return Node(
        config=config,
        role=role,
        effects=effects,
        repo=StateRepo(config.repo),
        store=store,
        services=tuple(services),
        evaluator=Evaluator(
            services, allow, leases.records if leases else nobody, leases.remarks if leases else silent
        ),
        applier=Applier(services, store, effects),
        audit=Audit(config.repo, effects, node=config.node),
        pushes=Pushes(config.state / "pushes"),
        leases=leases,
    )
