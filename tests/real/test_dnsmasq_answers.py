"""What a real dnsmasq answers from the files that the service writes, and how little disturbs it."""

import shutil
import threading
from ipaddress import IPv6Address

import dns.message
import dns.query
import pytest
from dnsmasq_fixtures import HOSTS, SITE, ZONE, Bench, make_site
from servers import wait_until

from reconciler.dns.records import RRset
from reconciler.join import join
from reconciler.services.dnsmasq.served import reverse_pointer

pytestmark = pytest.mark.real

RICH = (
    HOSTS
    + """\
quiet: {ipv4: 192.168.1.42, ptr: no}
renamed: {ipv4: 192.168.1.43, ptr: elsewhere}
outer: {ipv4: 203.0.113.193}
"""
)
RICH_ZONE = (
    ZONE
    + """\
www: {type: CNAME, value: nas.internal.example.org.}
toapex: {type: CNAME, value: internal.example.org.}
'*.app': {type: A, values: [192.168.1.41, 192.168.1.40]}
text: {type: TXT, values: ['plain', 'a, "quoted" \\# one']}
_sip._tcp: {type: SRV, values: [{priority: 1, weight: 2, port: 5060, target: nas.internal.example.org.}]}
_443._tcp.nas:
  type: TLSA
  value: {certificate_usage: 3, selector: 1, matching_type: 0, certificate_association_data: 'aabbcc'}
caa: {type: CAA, value: {flags: 0, tag: issue, value: ca.example.net}}
naptr:
  type: NAPTR
  value: {order: 100, preference: 10, flags: U, service: SIP+D2U, regexp: '!^.*$!sip:info@example.org!', replacement: .}
"""
)


def test_every_kind_of_record(bench: Bench) -> None:
    bench.apply(make_site(RICH, RICH_ZONE))
    zone = "internal.example.org."
    assert bench.ask(f"printer.{zone}") == bench.ask(f"print.{zone}") == ("192.168.1.40",)
    assert bench.ask(f"www.{zone}", "AAAA") == ("2001:db8:1::41",)
    assert bench.ask(f"toapex.{zone}", "CNAME") == (zone,)
    assert bench.ask(f"a.app.{zone}") == ("192.168.1.40", "192.168.1.41")
    assert bench.ask(zone, "MX") == (f"10 nas.{zone}",)
    assert bench.ask(f"_sip._tcp.{zone}", "SRV") == (f"1 2 5060 nas.{zone}",)
    assert bench.ask(f"_443._tcp.nas.{zone}", "TLSA") == ("3 1 0 aabbcc",)
    assert bench.ask(f"caa.{zone}", "CAA") == ('0 issue "ca.example.net"',)
    assert bench.ask(f"naptr.{zone}", "NAPTR") == ('100 10 "U" "SIP+D2U" "!^.*$!sip:info@example.org!" .',)
    assert len(bench.ask(f"text.{zone}", "TXT")) == 2


def test_reverse_names(bench: Bench) -> None:
    bench.apply(make_site(RICH, RICH_ZONE))
    assert bench.ask("40.1.168.192.in-addr.arpa.", "PTR") == ("printer.internal.example.org.",)
    assert bench.ask("43.1.168.192.in-addr.arpa.", "PTR") == ("elsewhere.internal.example.org.",)
    assert bench.ask("42.1.168.192.in-addr.arpa.", "PTR") == ("NXDOMAIN",)
    assert bench.ask("193.113.0.203.in-addr.arpa.", "PTR") == ("outer.lan.example.org.",)
    assert bench.ask("quiet.internal.example.org.") == ("192.168.1.42",)


def test_absent_types_are_empty_and_absent_names_do_not_exist(bench: Bench) -> None:
    bench.apply(make_site(RICH, RICH_ZONE))
    zone = "internal.example.org."
    for name in ("quiet", "printer", "_443._tcp.nas", "x.app", "caa"):
        assert bench.ask(f"{name}.{zone}", "AAAA") == ("NOERROR",), name
    for name in ("absent", "below.quiet", "below.printer"):
        assert bench.ask(f"{name}.{zone}") == ("NXDOMAIN",), name
    assert bench.ask(f"app.{zone}") == ("NXDOMAIN",), "a wildcard does not answer for its own domain"


def test_hosts_come_change_and_go_without_a_restart_nor_a_lost_query(bench: Bench) -> None:
    bench.apply(make_site())
    pid, done = bench.server.pid, list(bench.helper.done)
    lost: list[str] = []
    asked = [0]
    stop = threading.Event()

    def keep_asking() -> None:
        query = dns.message.make_query("printer.internal.example.org.", "A")
        while not stop.is_set():
            try:
                answer = dns.query.udp(query, "127.0.0.1", port=bench.server.port, timeout=2)
                asked[0] += 1
                if not answer.answer:
                    lost.append("empty")
            except Exception as error:
                lost.append(repr(error))

    thread = threading.Thread(target=keep_asking)
    thread.start()
    try:
        for number in range(20):
            bench.apply(make_site(HOSTS + f"new: {{ipv4: 192.168.1.{50 + number}}}\n"))
            assert bench.ask("new.internal.example.org.") == (f"192.168.1.{50 + number}",)
        bench.apply(make_site())
    finally:
        stop.set()
        thread.join()
    assert bench.ask("new.internal.example.org.") == ("NXDOMAIN",)
    assert bench.ask("69.1.168.192.in-addr.arpa.", "PTR") == ("NXDOMAIN",)
    assert not lost and asked[0] > 20
    assert bench.server.pid == pid and bench.helper.done == done


def test_last_host_of_a_network_takes_its_file_along(bench: Bench) -> None:
    bench.apply(make_site(HOSTS + "outer: {ipv4: 203.0.113.193}\n"))
    assert bench.ask("outer.lan.example.org.") == ("203.0.113.193",)
    done = list(bench.helper.done)
    outcome = bench.apply(make_site())
    assert outcome is not None and "removed dnsmasq/hosts.d/lan.hosts" in outcome.actions
    assert bench.ask("outer.lan.example.org.") == ("NXDOMAIN",)
    assert bench.helper.done == done


def test_reverse_name_follows_a_new_owner_of_the_address(bench: Bench) -> None:
    bench.apply(make_site())
    bench.apply(make_site(HOSTS.replace("printer:", "aaa: {ipv4: 192.168.1.60}\nplotter:")))
    assert bench.ask("40.1.168.192.in-addr.arpa.", "PTR") == ("plotter.internal.example.org.",)


def test_lost_file_event_is_made_good_by_a_reload(bench: Bench) -> None:
    bench.apply(make_site())
    pid, folder = bench.server.pid, bench.server.directory / "hosts.d"
    shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)  # dnsmasq goes on watching the folder that is no more.
    folder.with_name("copy").rename(folder)
    bench.apply(make_site(HOSTS + "new: {ipv4: 192.168.1.50}\n"))
    assert bench.ask("new.internal.example.org.") == ("192.168.1.50",)
    assert bench.helper.done[-1] == "reload dnsmasq" and bench.server.pid == pid


def test_nothing_to_do_is_nothing(bench: Bench) -> None:
    bench.apply(make_site())
    before = {path: path.stat().st_mtime_ns for path in bench.server.directory.rglob("*")}
    assert bench.apply(make_site()) is None
    assert {path: path.stat().st_mtime_ns for path in bench.server.directory.rglob("*")} == before


def test_change_in_the_configuration_restarts(bench: Bench) -> None:
    bench.apply(make_site())
    pid = bench.server.pid
    outcome = bench.apply(make_site(zone=ZONE + "text: {type: TXT, value: hello}\n"))
    assert outcome is not None and outcome.actions[-1] == "restart dnsmasq"
    assert bench.server.pid != pid
    assert bench.ask("text.internal.example.org.", "TXT") == ('"hello"',)


def test_server_that_was_down_is_started_by_the_next_change(bench: Bench) -> None:
    bench.apply(make_site())
    bench.server.stop()
    bench.apply(make_site(HOSTS + "new: {ipv4: 192.168.1.50}\n"))
    assert bench.ask("new.internal.example.org.") == ("192.168.1.50",)


def test_zones_are_reported_without_serials(bench: Bench) -> None:
    outcome = bench.apply(make_site(site=SITE))
    assert outcome is not None
    assert outcome.zones["internal.example.org."].serial == 0


def test_leases_come_and_go_without_reload(bench: Bench) -> None:
    site = make_site()
    bench.apply(site)
    pid, key = bench.server.pid, ("laptop.internal.example.org.", "AAAA")
    pointer = reverse_pointer(IPv6Address("2001:db8:1::77"))
    reverse = max((zone for zone in site.zones if pointer.endswith(f".{zone}")), key=len)
    joined = join(
        site,
        {
            "internal.example.org.": {key: RRset(key[0], 60, "AAAA", ("2001:db8:1::77",))},
            reverse: {(pointer, "PTR"): RRset(pointer, 60, "PTR", key[:1])},
        },
    )
    outcome = bench.apply(joined)
    assert outcome is not None and outcome.actions == ("wrote dnsmasq/hosts.d/leases.hosts",)
    assert outcome.zones["internal.example.org."].leases == {key}
    assert bench.ask(*key) == ("2001:db8:1::77",)
    assert bench.ask(pointer, "PTR") == key[:1]
    outcome = bench.apply(site)
    assert outcome is not None and outcome.actions == ("removed dnsmasq/hosts.d/leases.hosts",)
    wait_until(lambda: bench.ask(*key) == ("NXDOMAIN",), what="the name is gone")
    assert bench.server.pid == pid
