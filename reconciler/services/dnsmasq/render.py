"""Site to files of dnsmasq, pure: the same site gives the same bytes."""

from collections.abc import Collection
from dataclasses import dataclass, field

from reconciler.config import BindSettings, DnsmasqSettings
from reconciler.services.base import File
from reconciler.services.dnsmasq import dhcp, hosts, records, reserved
from reconciler.services.dnsmasq.isolate import View, main_view, own_view
from reconciler.services.dnsmasq.served import Answers, Mode, classless_addresses, expected, mode
from reconciler.services.dnsmasq.sight import has
from reconciler.services.dnsmasq.syntax import Unservable, domain_setting, path, setting, word
from reconciler.site import Site

CONF = "dnsmasq.conf"
HOSTS = "hosts.d"
RESERVATIONS = "reservations.d"
HATCH_MARK = "# from "
READABLE = 0o644
"""dnsmasq reads its folders after it has given up root's rights."""

_HEADER = "# Written by reconciler from the state repository; changes made here do not last."


@dataclass(frozen=True, slots=True)
class Rendered:
    """Files by path inside dnsmasq's folder, and what could not be rendered, as sentences.

    view: what they were rendered from; None for an instance without a network, which has no more to do than to run.
    """

    files: dict[str, File] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()
    view: View | None = field(default=None, compare=False)


def render(site: Site, settings: DnsmasqSettings, bind: BindSettings | None, network: str | None = None) -> Rendered:
    """All files; none where dnsmasq has nothing to do (clients ask BIND, and there is no DHCP).

    network: whose instance it is; the main one when left out.
    """
    view = main_view(site) if network is None else own_view(site, network)
    return Rendered({CONF: IDLE}) if view is None else _render(view, settings, bind)


def _render(view: View, settings: DnsmasqSettings, bind: BindSettings | None) -> Rendered:
    site, part = view.site, mode(view.site)
    with_dhcp = settings.dhcp and bool(dhcp.active(site))
    if part is Mode.DHCP and not with_dhcp:
        return Rendered(view=view)
    complaints: list[str] = []
    served = expected(site.zones.values(), part)
    state = reserved.state_of(site)
    named = reserved.families(dhcp.active(site)) if with_dhcp and part is not Mode.DHCP else {}
    names = _names(site if part is Mode.ALONE else state, part, served, domains=named, complaints=complaints)
    conf = [_HEADER]
    try:
        conf += _listening(view, settings, part, with_dhcp)
        conf += _resolving(view, settings, part)
        conf += _zones(view, part, bind)
        conf += _records(site, part, served, names, complaints)
    except Unservable as problem:
        complaints.append(str(problem))
    reservations: dict[str, list[str]] = {}
    if with_dhcp:
        lines, problems = dhcp.lines(site, part, path(str(settings.lease_file)))
        reservations, more = dhcp.reservations(site, reserved.reserved(state, named, names.placed))
        conf += [*lines, setting("dhcp-hostsdir", path(f"{settings.directory}/{RESERVATIONS}"))]
        if settings.dhcp_script is not None:
            conf.append(setting("dhcp-script", path(str(settings.dhcp_script))))
        complaints += [*problems, *more]
    for hatch in site.dnsmasq_hatches:
        conf += [f"{HATCH_MARK}{hatch.path}", hatch.text.rstrip("\n")]
    files = {CONF: _file(conf)}
    files |= {f"{HOSTS}/{name}.hosts": _file(lines) for name, lines in sorted(names.lines.items())}
    files |= {f"{RESERVATIONS}/{name}.conf": _file(lines) for name, lines in sorted(reservations.items()) if lines}
    return Rendered(files, tuple(complaints), view)


def _file(lines: list[str]) -> File:
    return File("".join(f"{line}\n" for line in lines).encode(), mode=READABLE)


def _names(site: Site, part: Mode, served: Answers, *, domains: Collection[str], complaints: list[str]) -> hosts.Hosts:
    if part is Mode.DHCP:
        return hosts.Hosts()
    if part is Mode.FORWARD:
        # Answered here, as their parent zone, which would lead to them, is far away.
        result = hosts.layout(site, served, classless_addresses(item.zone for item in site.zones.values()).keys())
        hosts.before_bind(result, site, served, domains)
    else:
        leases = frozenset().union(*(item.leases for item in site.zones.values()))
        result = hosts.layout(site, served, leases=leases)
    complaints += result.complaints
    return result


IDLE = _file([_HEADER, "# No isolated network is served here now.", setting("port", "0")])
"""Of an instance that has nothing to do: dnsmasq runs, and has no socket."""


def _listening(view: View, settings: DnsmasqSettings, part: Mode, with_dhcp: bool) -> list[str]:
    networks = view.site.networks.values()
    interfaces = {network.settings.interface for network in networks if network.settings.interface}
    made = [setting("port", "0" if part is Mode.DHCP else str(settings.port))]
    # Virtual addresses come and go with the role: bind-dynamic follows them, but may ask for more rights.
    made.append(setting("bind-dynamic" if settings.dhcp else "bind-interfaces"))
    # By its address alone a listener would answer isolated networks too; the interface brings it along anyway.
    covered = [each for each in networks if with_dhcp and view.others and each.settings.interface]
    wanted = [each for each in settings.listen if not any(has(network, each) for network in covered)]
    made += [setting("listen-address", str(address)) for address in wanted]
    if with_dhcp or not settings.listen or view.sight is not None:
        made += [setting("interface", word(name)) for name in sorted(interfaces)]
    return [*made, *(setting("except-interface", word(name)) for name in view.apart)]


def _resolving(view: View, settings: DnsmasqSettings, part: Mode) -> list[str]:
    if part is Mode.DHCP:
        return []
    site = view.site
    made = [
        setting("no-hosts"),
        setting("hostsdir", path(f"{settings.directory}/{HOSTS}")),
        setting("local-ttl", str(site.dns.ttl)),
        setting("neg-ttl", str(site.dns.negative_ttl)),
        setting("domain-needed"),
        setting("bogus-priv"),
        setting("stop-dns-rebind"),
        setting("rebind-localhost-ok"),
    ]
    if view.sight is not None:
        # CHAOS names tell the forwarders, which may be other networks', and how much is asked.
        made.append(setting("no-ident"))
    if site.dns.forwarders:
        made.append(setting("no-resolv"))
        made += [setting("server", str(address)) for address in site.dns.forwarders]
    return made


def _zones(view: View, part: Mode, bind: BindSettings | None) -> list[str]:
    """Our zones: answered here alone, or asked of BIND. dnsmasq cannot write a zone with `/` in its name."""
    if part is Mode.DHCP:
        return []
    site, hidden = view.site, [domain_setting("local", domain) for domain in view.hidden]
    hidden += [setting("rev-server", str(prefix)) for prefix in view.prefixes]
    zones = sorted(name for name in view.asked or site.zones if "/" not in name and name != ".")
    if part is Mode.ALONE:
        domains = {*zones, *(network.domain for network in site.networks.values())} - {*view.hidden}
        return [*(domain_setting("local", domain) for domain in sorted(domains)), *hidden]
    if bind is None:
        raise Unservable("dns.authoritative is bind, but node.yaml has no `bind:` section to forward to; write one")
    target = f"{word(bind.address)}#{bind.port}"
    return [
        *(domain_setting("server", zone, target) for zone in zones),
        *(domain_setting("rebind-domain-ok", zone) for zone in zones),
        *hidden,
    ]


def _records(site: Site, part: Mode, served: Answers, names: hosts.Hosts, complaints: list[str]) -> list[str]:
    made = [*records.pointers(names.pointers), *records.silent(names.silent)]
    if part is Mode.ALONE:
        lines, problems = records.lines(served)
        zones = {name: item.zone for name, item in site.zones.items()}
        dynamic = [name for name, item in site.zones.items() if item.dynamic]
        complaints += [*problems, *records.complaints(zones, served, dynamic, (host.name for host in site.hosts))]
        made += lines
    return made
