"""The table of DHCP options is dnsmasq's own: every name is taken, and those that want addresses want them."""

import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from reconciler.state.dhcpoptions import ADDRESSES, DHCP, DHCP6

pytestmark = pytest.mark.real


def taken(folder: Path, lines: Iterable[str]) -> bool:
    conf = folder / "dnsmasq.conf"
    conf.write_text("".join(f"dhcp-option=tag:x,{line}\n" for line in lines))
    done = subprocess.run(["dnsmasq", "--test", "-C", str(conf)], capture_output=True, check=False, timeout=60)
    return done.returncode == 0


@pytest.mark.parametrize(("topic", "table"), [("dhcp", DHCP), ("dhcp6", DHCP6)])
def test_the_table_has_what_dnsmasq_lists(topic: str, table: Mapping[str, int]) -> None:
    listed = subprocess.run(["dnsmasq", "--help", topic], capture_output=True, text=True, check=True, timeout=60)
    found = {name: int(number) for number, name in re.findall(r"^ *(\d+) (\S+)$", listed.stdout, re.MULTILINE)}
    version = subprocess.run(["dnsmasq", "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert table.items() <= found.items()
    assert "version 2.90 " not in version or found == table


def test_each_name_is_taken(tmp_path: Path) -> None:
    assert taken(tmp_path, [f"option:{name},192.0.2.1" for name in DHCP])
    assert taken(tmp_path, [f"option:{name.swapcase()},192.0.2.1" for name in DHCP])
    assert taken(tmp_path, [f"{number},192.0.2.1" for number in DHCP.values()])
    assert taken(tmp_path, [f"option6:{name},[2001:db8::1]" for name in DHCP6])
    assert not taken(tmp_path, ["option:ntp-servr,192.0.2.1"])


@pytest.mark.parametrize("name", DHCP)
def test_only_what_wants_addresses_takes_no_text(tmp_path: Path, name: str) -> None:
    for key in (f"option:{name}", str(DHCP[name])):
        assert taken(tmp_path, [f"{key},foo"]) is (name not in ADDRESSES)
