"""A node put together from its settings: the parts that a pass works with."""

from dataclasses import dataclass

from reconciler import node_role
from reconciler.apply import Applier
from reconciler.audit.leases import LeaseHistory
from reconciler.audit.record import Audit
from reconciler.config import NodeConfig
from reconciler.daemon import hatches
from reconciler.daemon.address.wan import WanTerm
from reconciler.daemon.leases import Leases
from reconciler.daemon.prefixes import Prefixes
from reconciler.daemon.pushes import Pushes
from reconciler.daemon.receiving import Receiving
from reconciler.daemon.upstream import UpstreamSide
from reconciler.effects import Effects
from reconciler.evaluate import Evaluator, nobody, silent
from reconciler.git.repo import StateRepo
from reconciler.manifest import ManifestStore
from reconciler.role.base import RoleProvider
from reconciler.services.base import Service
from reconciler.services.bind.service import Bind
from reconciler.services.dnsmasq.service import Dnsmasq


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
    receiving: Receiving
    leases: Leases | None
    upstream: UpstreamSide | None
    wan: WanTerm
    prefixes: Prefixes


def assemble(config: NodeConfig, role: RoleProvider | None = None, upstream: UpstreamSide | None = None) -> Node:
    """Make the parts; touches nothing.

    role: the provider that the settings name, when left out. upstream: what talks to the forge, whatever the role.
    """
    role = role or node_role.provider(config)
    effects = Effects(role, helper=config.helper)
    services: list[Service] = []
    if config.bind:
        services.append(Bind(config.bind, secrets=config.secrets))
    if config.dnsmasq:
        services.append(Dnsmasq(config.dnsmasq, bind=config.bind))
        services += [
            Dnsmasq(config.dnsmasq.instance(network), bind=config.bind, network=network)
            for network in config.dnsmasq.isolated
        ]
    store = ManifestStore(config.state)
    source = config.lease_source
    history = LeaseHistory(config.repo, effects, node=config.node)
    leases = Leases(source, config.state, history, config.further_lease_files) if source else None
    wan = WanTerm(config, effects)
    prefixes = Prefixes()
    return Node(
        config=config,
        role=role,
        effects=effects,
        repo=StateRepo(config.repo),
        store=store,
        services=tuple(services),
        evaluator=Evaluator(
            services,
            hatches.allowance(config),
            leases.records if leases else nobody,
            leases.remarks if leases else silent,
            examine=wan.complaints,
            prefixes=prefixes.observed,
        ),
        applier=Applier(services, store, effects),
        audit=Audit(config.repo, effects, node=config.node),
        pushes=Pushes(config.state / "pushes"),
        receiving=Receiving(config.repo, config.control),
        leases=leases,
        upstream=upstream,
        wan=wan,
        prefixes=prefixes,
    )
