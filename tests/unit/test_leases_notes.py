"""What a plan tells of leases."""

import time
from ipaddress import ip_address

import pytest
from dnsmasq_sites import HOSTS, SITE, make_site

from reconciler.leases.lease import Lease
from reconciler.leases.notes import MOST, Standing, notes
from reconciler.leases.policy import statics

BOTH = SITE.replace("lease: 12h", "lease: 2h")
PRINTER, TABLET = "52:54:00:12:34:56", "52:54:00:00:00:01"
NOW = 10 * 3600
DOMAIN = "internal.example.org."


def clock(moment):
    return time.strftime("%H:%M", time.gmtime(moment))


def told(old, new, *leases, holders=None, networks=("internal",), site=BOTH):
    before, after = (make_site(site=site, hosts=text) if text is not None else None for text in (old, new))
    standing = Standing({lease.address: lease for lease in leases}, holders or {}, NOW, clock)
    return notes(before, after, networks, statics(after, []), standing)


def lease(last, mac=TABLET, name="tablet", expires=NOW + 7200):
    return Lease(ip_address(f"192.168.1.{last}"), mac, name, expires)


WITHOUT = HOSTS.replace('printer: {mac: "52:54:00:12:34:56", ipv4: 192.168.1.40, aliases: [print]}\n', "")


def test_the_reserved_address_is_with_somebody_else():
    assert told(WITHOUT, HOSTS, lease(40)) == (
        "192.168.1.40 is leased to 52:54:00:00:00:01 (tablet) until 12:00; printer gets it when that lease ends or is "
        "released, or its renewal, due by 11:00, is refused",
    )
    (late,) = told(WITHOUT, HOSTS, lease(40, expires=NOW + 600, name='"; rm\n'))
    assert late.endswith(
        "(rm) until 10:10; printer gets it when that lease ends or is released, or its renewal is refused"
    )
    (ever,) = told(WITHOUT, HOSTS, lease(40, expires=None, name=None))
    assert "leased to 52:54:00:00:00:01 without end;" in ever


def test_the_client_holds_another_address():
    assert told(WITHOUT, HOSTS, lease(150, PRINTER)) == (
        "printer holds 192.168.1.150 until 12:00 and renews by 11:00 (half time): it moves to 192.168.1.40 then",
    )
    assert told(WITHOUT, HOSTS, lease(150, PRINTER, expires=NOW + 60)) == (
        "printer holds 192.168.1.150 until 10:01: it moves to 192.168.1.40 when it renews",
    )


def test_the_lease_time_that_counts_is_the_old_one():
    standing = Standing({ip_address("192.168.1.150"): lease(150, PRINTER)}, {}, NOW, clock)
    new = make_site(site=SITE)
    (text,) = notes(make_site(site=BOTH, hosts=WITHOUT), new, ("internal",), statics(new, []), standing)
    assert "renews by 11:00" in text


@pytest.mark.parametrize(
    ("old", "leases", "networks"),
    [
        (HOSTS, [lease(40), lease(150, PRINTER)], ("internal",)),  # the push changes another host
        (WITHOUT, [lease(40, PRINTER)], ("internal",)),  # it has its address already
        (WITHOUT, [lease(41)], ("internal",)),  # nobody's reservation
        (WITHOUT, [lease(40)], ()),  # no reservation is touched
        (WITHOUT, [Lease(ip_address("192.168.3.150"), PRINTER, None, NOW + 60)], ("internal",)),  # in another network
        (WITHOUT, [], ("internal",)),
    ],
)
def test_nothing_to_tell(old, leases, networks):
    assert told(old, HOSTS, *leases, networks=networks) == ()


def test_a_moved_or_unknown_reservation_counts_as_changed():
    assert len(told(HOSTS.replace("1.40", "1.44"), HOSTS, lease(150, PRINTER))) == 1
    assert len(told(None, HOSTS, lease(150, PRINTER))) == 1


def test_a_name_that_a_lease_holds():
    holders = {f"laptop.{DOMAIN}": f"mac:{TABLET}", f"other.{DOMAIN}": "mac:52:54:00:00:00:02"}
    new = HOSTS + "phone2: {ipv4: 192.168.1.60, aliases: [laptop]}\n"
    assert told(HOSTS, new, lease(150), holders=holders, networks=()) == (
        f"laptop.{DOMAIN} is held by a lease (192.168.1.150): the static name takes it at once",
    )
    assert told(HOSTS, HOSTS, lease(150), holders=holders, networks=()) == ()
    # Its own client gets the name by the state: nothing is taken from it.
    own = HOSTS + f'laptop: {{mac: "{TABLET}", network: internal}}\n'
    assert told(HOSTS, own, lease(150), holders=holders, networks=()) == ()


def test_not_more_than_a_person_reads():
    new = HOSTS + "".join(f'h{n}: {{mac: "52:54:00:00:01:{n:02x}", ipv4: 192.168.1.{n}}}\n' for n in range(50, 70))
    found = told(HOSTS, new, *(lease(n) for n in range(50, 70)))
    assert len(found) == MOST + 1
    assert found[-1] == "leases have a say in 10 more changes"
