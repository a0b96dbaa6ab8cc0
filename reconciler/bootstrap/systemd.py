"""Drop-ins for units: nothing starts on the standby, where the disk is not mounted (systemd.unit(5))."""

from pathlib import PurePosixPath

from reconciler.bootstrap.facts import Facts, Shared
from reconciler.bootstrap.text import NodeFile, commented, section

_UNITS = "etc/systemd/system"
_WRITABLE = PurePosixPath("/srv")
"""What the daemon's unit may write to already."""


def files(facts: Facts) -> dict[str, NodeFile]:
    """Drop-ins for the units of the servers, the pair's manager and the reconciler."""
    found = {}
    if facts.has_dnsmasq:
        # Debian's unit tells resolvconf that this node asks its own dnsmasq, which is silent on a standby.
        found["dnsmasq.service.d/reconciler-resolver.conf"] = section(
            "Service", ("ExecStartPost", ()), ("ExecStop", ())
        )
    if facts.shared is not None:
        found |= _pair(facts, facts.shared)
    return {f"{_UNITS}/{name}": NodeFile(commented(lines)) for name, lines in found.items()}


def _pair(facts: Facts, shared: Shared) -> dict[str, list[str]]:
    condition = ("ConditionPathIsMountPoint", (shared.drbd.mount,))
    # What a template has is its instances'.
    units = [unit.partition("@")[0] + "@" * ("@" in unit) for unit in facts.servers]
    found = {f"{unit}.service.d/reconciler.conf": section("Unit", condition) for unit in units}
    for unit in ("reconciler-prepare", "reconciler-active"):
        # These units name a mount of their own, which an empty condition takes away.
        anew = section("Unit", (condition[0], ()), condition)
        found[f"{unit}.service.d/reconciler.conf"] = anew
    if facts.has_dnsmasq and shared.pair.manager != "pacemaker":
        # named's unit has this already; Pacemaker's monitor does it.
        restart = section("Service", ("Restart", ("on-failure",)), ("RestartSec", (5,)))
        found |= {f"{unit}.service.d/reconciler-restart.conf": restart for unit in units if unit != "named"}
    if shared.pair.manager == "heartbeat":
        # At shutdown heartbeat goes first, while the servers and the daemon can still write down what they hold.
        after = ("drbd.service", "reconciler.service", *(f"{unit}.service" for unit in facts.servers))
        found["heartbeat.service.d/reconciler.conf"] = section("Unit", ("After", after))
    if shared.pair.manager == "keepalived" and facts.isolated:
        # Its unit names the servers but these.
        after = tuple(f"{unit}.service" for unit in facts.servers if "@" in unit)
        found["reconciler-keepalived.service.d/reconciler.conf"] = section("Unit", ("After", after))
    mount = PurePosixPath(shared.drbd.mount)
    if not mount.parent.is_relative_to(_WRITABLE):
        # Never the mount itself: the service would keep it busy after the unmount.
        writable = section("Service", ("ReadWritePaths", (mount.parent,)))
        found["reconciler.service.d/reconciler.conf"] = writable
    return found
