"""Asking the parent's name servers, and those that it names, about one of our zones. Looks only."""

from collections.abc import Sequence

from reconciler.delegation.expected import Delegation
from reconciler.delegation.finding import Finding, Limits
from reconciler.state.addresses import ServerAddress

DEFAULT = Limits()


def check(
    zone: Delegation,
    *,
    resolvers: Sequence[ServerAddress] = (),
    parent_servers: Sequence[ServerAddress] = (),
    limits: Limits = DEFAULT,
) -> list[Finding]:
    """Whether the world's DNS leads to this zone, and to the same data everywhere. Never raises for what is answered.

    zone: from `expected.of`; `expected.public` names those that are worth it. resolvers: asked for the parent's
    servers and for addresses of name servers; the system's when left out. parent_servers: asked in place of those
    found. Without any answer from a resolver there is one error that says so.
    """
    raise NotImplementedError
