"""The example state repository is one that works, and shows what the README of it says."""

from pathlib import Path

from state_trees import built, folder, rrset

EXAMPLE = Path(__file__).parents[2] / "state-repo-example/office"


def test_it_has_neither_errors_nor_warnings():
    assert built(folder(EXAMPLE)).problems == ()


def test_it_has_a_zone_of_each_form():
    site = built(folder(EXAMPLE)).site
    assert sorted(site.zones) == [
        "10.168.192.in-addr.arpa.",
        "192-255.113.0.203.in-addr.arpa.",
        "a.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
        "dyn.example.net.",
        "example.net.",
        "example.org.",
        "internal.example.net.",
        "lab.example.net.",
    ]
    # One by its own setting, the others because names of DHCP leases go into them.
    assert sorted(name for name, zone in site.zones.items() if zone.dynamic) == [
        "10.168.192.in-addr.arpa.",
        "a.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
        "dyn.example.net.",
        "internal.example.net.",
    ]
    assert len(site.zones["example.org."].zone.lines) >= 10
    assert len(site.zones["internal.example.net."].zone.lines) >= 10
    assert site.bind_hatches
    assert site.dnsmasq_hatches


def test_one_entry_is_used_everywhere():
    result = built(folder(EXAMPLE))
    zone = "internal.example.net."
    reverse = "10.168.192.in-addr.arpa."
    assert rrset(result, zone, f"nas.{zone}", "AAAA").rdatas == ("2001:db8:0:a::41",)
    assert rrset(result, reverse, f"41.{reverse}", "PTR").rdatas == (f"storage.{zone}",)
    assert rrset(result, reverse, f"250.{reverse}", "PTR").rdatas == ("switch.vendor.example.",)
    lab = "192-255.113.0.203.in-addr.arpa."
    assert rrset(result, lab, f"195.{lab}", "PTR").rdatas == ("web.lab.example.net.",)
    assert rrset(result, "example.net.", zone, "NS").rdatas == (f"ns1.{zone}",)
    assert rrset(result, "example.net.", f"ns1.{zone}", "A").rdatas == ("192.168.10.2",)
