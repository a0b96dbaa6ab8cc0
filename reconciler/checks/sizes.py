"""Checks that the zones are not too many, and that each name can be a file's."""

from collections.abc import Collection

from reconciler.checks.policies import zone_setting
from reconciler.checks.report import Origin, Report
from reconciler.dns import names
from reconciler.state.bounds import MAX_ZONES
from reconciler.state.model import State
from reconciler.state.problem import Position

MAX_FILENAME = 220
"""Octets; file systems take 255 (NAME_MAX), and of a zone's file there are a journal and copies with longer names."""


def check(state: State, zones: Collection[str], report: Report) -> bool:
    """Find zones whose files could not be written. False where there are too many zones for any further check."""
    if len(zones) > MAX_ZONES:
        report.error(
            state.site_locator.at(),
            f"the site has more than {MAX_ZONES} zones",
            "remove some, or name reverse zones with `reverse:`",
        )
        return False
    for zone in sorted(zones):
        size = len(names.filename(zone).encode())
        if size > MAX_FILENAME:
            report.error(
                _place(state, zone),
                f"the zone's name is too long for a file name ({size} octets; the limit is {MAX_FILENAME})",
                "serve its records from a zone above it",
            )
    return True


def _place(state: State, zone: str) -> Origin:
    for file in state.zone_files:
        if file.zone == zone:
            return Position(file.path)
    for name, network in state.site.networks.items():
        if network.domain == zone:
            return state.site_locator.at("networks", name, "domain")
    if state.site.domain == zone:
        return state.site_locator.at("domain")
    return zone_setting(state, zone)
