"""The guard against mass changes by mistake: looks at what a commit changes in static data.

It holds back a change that deletes or changes a large part of a zone, touches the NS records at a zone's
apex or removes a whole zone, until somebody says that this is meant.
"""

from reconciler.dns.versions import shown
from reconciler.plan import Plan, ZonePlan

PERCENT = 30
"""A zone may lose, or have changed, up to this share of its records unasked."""

MIN_RECORDS = 10
"""Zones with fewer records are not measured: in a small zone one change is already a large share."""


def reasons(plan: Plan) -> tuple[str, ...]:
    """Why this plan needs somebody's word, one sentence each; empty when it does not."""
    return tuple(reason for zone in plan.zones for reason in _zone_reasons(zone))


def _zone_reasons(zone: ZonePlan) -> list[str]:
    if zone.kind == "removed":
        return [f"zone {shown(zone.name)} would be removed with its {zone.records_before} records"]
    if zone.kind == "new":
        return []
    found = []
    if zone.apex_ns_changed:
        found.append(f"the NS records at the apex of {shown(zone.name)} would change")
    if zone.records_before >= MIN_RECORDS:
        for count, verb in ((zone.state_diff.minus, "deleted"), (zone.state_diff.tilde, "changed")):
            share = 100 * count / zone.records_before
            if share > PERCENT:
                found.append(
                    f"{count} of {zone.records_before} records of {shown(zone.name)} would be {verb} "
                    f"({share:.0f} %, allowed unasked: {PERCENT} %)"
                )
    return found
