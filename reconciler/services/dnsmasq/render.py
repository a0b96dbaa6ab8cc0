"""Site to files of dnsmasq, pure: the same site gives the same bytes."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from reconciler.config import BindSettings, DnsmasqSettings
from reconciler.services.base import File
from reconciler.services.dnsmasq import dhcp, hosts, records, reserved
from reconciler.services.dnsmasq.served import Answers, Mode, classless_addresses, expected, mode, visible
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
    """Files by path inside dnsmasq's folder, and what could not be rendered, as sentences."""

    files: dict[str, File] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()


def render(site: Site, settings: DnsmasqSettings, bind: BindSettings | None) -> Rendered:
    """All files; none where dnsmasq has nothing to do (clients ask BIND, and there is no DHCP)."""
    part = mode(site)
    catalogs = site.zones.keys() - visible(site.zones).keys()
    site = replace(site, zones=visible(site.zones)) if catalogs else site
    with_dhcp = settings.dhcp and bool(dhcp.active(site))
    if part is Mode.DHCP and not with_dhcp:
        return Rendered()
    complaints: list[str] = []
    served = expected(site.zones.values(), part)
    state = reserved.state_of(site)
    named = reserved.families(dhcp.active(site)) if with_dhcp and part is not Mode.DHCP else {}
    names = _names(site if part is Mode.ALONE else state, part, served, domains=named, complaints=complaints)
    conf = [_HEADER]
    try:
        conf += _listening(site, settings, part, with_dhcp)
        conf += _resolving(site, settings, part)
        conf += _zones(site, part, bind)
        # Not even asked of BIND, where they may lie below a zone that is.
        conf += [domain_setting("local", catalog) for catalog in sorted(catalogs) if part is Mode.FORWARD]
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
    return Rendered(files, tuple(complaints))


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


def _listening(site: Site, settings: DnsmasqSettings, part: Mode, with_dhcp: bool) -> list[str]:
    interfaces = {network.settings.interface for network in site.networks.values() if network.settings.interface}
    made = [setting("port", "0" if part is Mode.DHCP else str(settings.port))]
    # Virtual addresses come and go with the role: bind-dynamic follows them, but may ask for more rights.
    made.append(setting("bind-dynamic" if settings.dhcp else "bind-interfaces"))
    made += [setting("listen-address", str(address)) for address in settings.listen]
    if with_dhcp or not settings.listen:
        made += [setting("interface", word(name)) for name in sorted(interfaces)]
    return made


def _resolving(site: Site, settings: DnsmasqSettings, part: Mode) -> list[str]:
    if part is Mode.DHCP:
        return []
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
    if site.dns.forwarders:
        made.append(setting("no-resolv"))
        made += [setting("server", str(address)) for address in site.dns.forwarders]
    return made


def _zones(site: Site, part: Mode, bind: BindSettings | None) -> list[str]:
    """Our zones: answered here alone, or asked of BIND. dnsmasq cannot write a zone with `/` in its name."""
    if part is Mode.DHCP:
        return []
    zones = sorted(name for name in site.zones if "/" not in name and name != ".")
    if part is Mode.ALONE:
        domains = sorted({*zones, *(network.domain for network in site.networks.values())})
        return [domain_setting("local", domain) for domain in domains]
    if bind is None:
        raise Unservable("dns.authoritative is bind, but node.yaml has no `bind:` section to forward to; write one")
    target = f"{word(bind.address)}#{bind.port}"
    return [
        *(domain_setting("server", zone, target) for zone in zones),
        *(domain_setting("rebind-domain-ok", zone) for zone in zones),
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
