"""What the other tests rest on: real DRBD, AppArmor, systemd, and machines that begin anew for each test."""

import json

import pytest

from vm import drbd
from vm.trio import Trio
from vm.waiting import until

pytestmark = pytest.mark.vm


def test_a_power_cut_leaves_what_was_synced_on_the_other_node(bare: Trio) -> None:
    drbd.promote(bare.a)
    bare.a.run(f"echo synced > {drbd.MOUNT}/file && sync")
    bare.a.cut_power()
    drbd.wait_connection(bare.b, "WFConnection")
    drbd.promote(bare.b)
    assert bare.b.run(f"cat {drbd.MOUNT}/file") == "synced\n"


def test_each_test_has_fresh_machines(bare: Trio) -> None:
    drbd.promote(bare.b)
    assert bare.b.run(f"ls {drbd.MOUNT}") == "lost+found\n"
    assert drbd.role(bare.a) == "Secondary/Primary"


def test_a_pulled_cable_splits_the_pair(bare: Trio) -> None:
    bare.a.cable(plugged=False)
    for node in bare.nodes:
        drbd.wait_connection(node, "WFConnection")
        drbd.promote(node)
        node.run(f"hostname > {drbd.MOUNT}/file && sync")
    bare.a.cable(plugged=True)
    until(lambda: "StandAlone" in {drbd.connection(node) for node in bare.nodes}, "a split brain is found")


def test_apparmor_confines_named(bare: Trio) -> None:
    for node in bare.nodes:
        assert json.loads(node.run("aa-status --json"))["profiles"]["named"] == "enforce", node.card.name
        node.run("systemctl start named")
        label = node.run("cat /proc/$(systemctl show --property MainPID --value named)/attr/current").strip()
        assert label == "named (enforce)", node.card.name


def test_the_units_have_the_ids_that_sysusers_gives(bare: Trio) -> None:
    assert {node.run("id -u reconciler") for node in bare.nodes} == {"853\n"}
    assert len({node.run("id bind; id dnsmasq") for node in bare.nodes}) == 1
