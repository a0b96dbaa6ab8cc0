"""Lease records as RRsets, by zone, to stand beside a zone's static ones."""

from collections.abc import Iterable

from reconciler.dns.records import Key, RRset, group
from reconciler.leases.records import LeaseRecord


def by_zone(records: Iterable[LeaseRecord]) -> dict[str, dict[Key, RRset]]:
    """RRsets by zone.

    No key is one of a static RRset, as long as the records come from `naming.assign` with the statics of the same
    site, so that static and lease RRsets can simply be joined.
    """
    rows: dict[str, list[tuple[str, int, str, str]]] = {}
    for zone, owner, ttl, rtype, rdata, _, _ in records:
        rows.setdefault(zone, []).append((owner, ttl, rtype, rdata))
    return {zone: group(found) for zone, found in rows.items()}
