"""The status document: whatever DHCP servers write down can be shown."""

from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

from reconciler.daemon import status
from reconciler.leases.dnsmasq import Parser


def test_an_expiry_beyond_the_calendar_is_shown() -> None:
    lines = (
        b"999999999999 52:54:00:00:00:01 192.168.1.5 pc *\n"
        b"1795000000 52:54:00:00:00:02 192.168.1.6 pc *\n"
        b"0 52:54:00:00:00:03 192.168.1.7 pc *\n"
    )
    leases = {lease.address: lease for lease in Parser().parse(lines).leases}
    observed = SimpleNamespace(leases=leases, names={})
    since = {ip_address("192.168.1.5"): 1_795_000_000}
    node: Any = SimpleNamespace(leases=SimpleNamespace(observed=observed, networks=(), since=since, problems=()))
    rows = status.leases(node)["leases"]
    assert [row["expires"] for row in rows] == ["@999999999999", "2026-11-18T11:06:40Z", None]
    assert [row["since"] for row in rows] == ["2026-11-18T11:06:40Z", None, None]
