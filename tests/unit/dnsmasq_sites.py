"""Sites for tests of dnsmasq, built from what a user would write."""

from hashlib import sha1

from reconciler.build import build
from reconciler.config import DnsmasqSettings
from reconciler.site import Site
from reconciler.state.load import load
from reconciler.state.tree import Blob

SITE = """\
version: 1
site: home
domain: example.org
networks:
  internal:
    interface: enp2s1
    domain: internal.example.org
    ipv4: 192.168.1.0/24
    ipv6: 2001:db8:1::/64
    router: 192.168.1.1
    virtual_ips: [192.168.1.4, "2001:db8:1::4"]
    dhcp: {ranges: [192.168.1.100-192.168.1.199], lease: 12h}
    ipv6_mode: slaac
  guest:
    interface: enp2s1.3
    domain: guest.example.org
    ipv4: 192.168.3.0/24
    ipv6: 2001:db8:3::/64
    virtual_ips: 192.168.3.4
    ipv6_mode: stateful
    lease_names: no
    dhcp: {lease: 2h, options: {ntp-server: 192.168.3.9, "66": boot.example.net}}
dns: {clients_ask: dnsmasq, authoritative: none, forwarders: [127.0.0.1]}
"""

HOSTS = """\
printer: {mac: "52:54:00:12:34:56", ipv4: 192.168.1.40, aliases: [print]}
nas: {ipv4: 192.168.1.41, ipv6: "::41", ptr: storage}
quiet: {ipv4: 192.168.1.42, ptr: no}
phone: {mac: "52:54:00:12:34:57", ipv4: 192.168.3.40, ipv6: "::40"}
"""

ZONE = """\
'':
  - {type: MX, values: [{preference: 10, exchange: nas.internal.example.org.}]}
  - {type: TXT, value: "v=spf1 -all"}
storage: {type: A, value: 192.168.1.41}
'*.app': {type: A, value: 192.168.1.41}
"""

FILES = {"site.yaml": SITE, "hosts.yaml": HOSTS, "zones/internal.example.org.yaml": ZONE}


def make_site(files: dict[str, str] | None = None, **changed: str) -> Site:
    """Build a site; keywords replace `site`, `hosts` or `zone`, `files` adds or replaces whole files."""
    texts = FILES | (files or {})
    for key, path in (("site", "site.yaml"), ("hosts", "hosts.yaml"), ("zone", "zones/internal.example.org.yaml")):
        if key in changed:
            texts[path] = changed[key]
    tree = {
        path: Blob(sha1(text.encode(), usedforsecurity=False).hexdigest(), text.encode())
        for path, text in texts.items()
    }
    loaded = load(tree)
    assert loaded.state is not None, [str(problem) for problem in loaded.problems]
    result = build(loaded.state)
    assert result.site is not None, [str(problem) for problem in result.problems]
    return result.site


def settings(**changed: object) -> DnsmasqSettings:
    return DnsmasqSettings.model_validate({"directory": "/srv/dnsmasq", **changed})
