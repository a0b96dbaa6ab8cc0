"""Leases as the daemon remembers them, for JSON. Pure."""

from ipaddress import ip_address
from typing import Any

from reconciler.leases.lease import Lease

MEMORY = "leases.json"
"""The file, in the state folder: what was in force, and more."""


def describe(lease: Lease) -> list[Any]:
    """A lease for JSON."""
    return [
        str(lease.address),
        lease.mac,
        lease.name,
        lease.expires,
        lease.client_id,
        lease.duid,
        lease.iaid,
        lease.temporary,
    ]


def lease_of(item: list[Any]) -> Lease:
    """The lease that `describe` has described. Raises ValueError, TypeError, IndexError for anything else."""
    return Lease(ip_address(item[0]), *item[1:])
