"""The least disturbing action for each kind of change."""

import pytest
from dnsmasq_sites import HOSTS, SITE, ZONE, make_site, settings

from reconciler.config import BindSettings
from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns.records import RRset
from reconciler.effects import Effects
from reconciler.join import join
from reconciler.role.always import Always
from reconciler.services.dnsmasq import service as module
from reconciler.services.dnsmasq.service import Dnsmasq
from reconciler.services.dnsmasq.staged import Action

BIND = BindSettings.model_validate({"directory": "/srv/bind"})
MORE = 'extra: {mac: "52:54:00:12:34:99", ipv4: 192.168.1.60}\n'
FORWARD = SITE.replace("authoritative: none", "authoritative: bind, nameservers: ns.example.net")
DHCP_ONLY = FORWARD.replace("clients_ask: dnsmasq", "clients_ask: bind")


@pytest.fixture
def action(tmp_path, monkeypatch):
    """Function (before, after) -> the action that getting from one site to the other takes."""
    monkeypatch.setattr(module, "judge", lambda *_: [])
    effects = Effects(Always(), helper=tmp_path / "no-helper")

    def measure(before, after):
        service = Dnsmasq(settings(directory=str(tmp_path / "dnsmasq")), bind=BIND)
        first = service.stage(before, Deployed(), effects)
        service._folder.carry_out(first._change.swaps, effects)
        zones = {
            name: DeployedZone(item.zone, item.dynamic, 0, leases=item.leases) for name, item in before.zones.items()
        }
        staged = service.stage(after, Deployed("c", zones, first._change.outcome.files), effects)
        return staged and staged._action

    return measure


def test_nothing_changed(action):
    assert action(make_site(), make_site()) is None


def test_host_without_reservation(action):
    assert action(make_site(), make_site(hosts=HOSTS + "new: {ipv4: 192.168.1.50}\n")) is Action.NOTHING


def test_new_reservation(action):
    assert action(make_site(), make_site(hosts=HOSTS + MORE)) is Action.NOTHING


def test_removed_reservation(action):
    assert action(make_site(hosts=HOSTS + MORE), make_site()) is Action.RELOAD


def test_changed_reservation(action):
    assert action(make_site(), make_site(hosts=HOSTS.replace("00:12:34:56", "00:12:34:77"))) is Action.RELOAD


def test_last_reservation_of_a_network(action):
    assert action(make_site(), make_site(hosts=HOSTS.replace('mac: "52:54:00:12:34:57", ', ""))) is Action.RELOAD


def test_other_records_and_options(action):
    assert action(make_site(), make_site(zone=ZONE + "t: {type: TXT, value: x}\n")) is Action.RESTART
    assert action(make_site(), make_site(site=SITE.replace("12h", "8h"))) is Action.RESTART


def test_forwarded_zone(action):
    before, after = make_site(site=FORWARD), make_site(site=FORWARD, hosts=HOSTS + "new: {ipv4: 192.168.1.50}\n")
    assert action(before, after) is Action.RELOAD


def test_zone_that_dnsmasq_neither_serves_nor_forwards(action):
    before, after = make_site(site=DHCP_ONLY), make_site(site=DHCP_ONLY, hosts=HOSTS + MORE)
    assert action(before, after) is Action.NOTHING
    plain = make_site(site=DHCP_ONLY, hosts=HOSTS + "new: {ipv4: 192.168.1.50}\n")
    assert action(before, plain) is None


def test_forwarded_hosts_and_aliases_with_reservations(action):
    more = HOSTS + MORE + 'mobile: {mac: "52:54:00:12:34:98", network: internal, aliases: [handy]}\n'
    before, after = make_site(site=FORWARD), make_site(site=FORWARD, hosts=more.replace("[print]", "[print, paper]"))
    assert action(before, after) is Action.RELOAD
    assert action(after, before) is Action.RELOAD


def test_leases_of_the_servers_own(action):
    key = ("laptop.internal.example.org.", "AAAA")
    leases = {"internal.example.org.": {key: RRset(key[0], 60, key[1], ("2001:db8:1::77",))}}
    for text in (SITE, FORWARD):
        site = make_site(site=text)
        assert action(site, join(site, leases)) in (Action.NOTHING, None)
