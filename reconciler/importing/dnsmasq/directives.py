"""What becomes of directives that are no names, leases or records."""

from reconciler.state.dnsmasqtext import ALLOWED

OWN = {
    **dict.fromkeys(
        """bind-dynamic bind-interfaces bogus-priv dhcp-authoritative dhcp-fqdn domain-needed enable-ra expand-hosts
        no-hosts read-ethers rebind-localhost-ok stop-dns-rebind""".split(),  # noqa: SIM905
        "reconciler writes it for every site, or has no need of it",
    ),
    **dict.fromkeys(
        ["port", "dhcp-leasefile", "except-interface", "listen-address", "interface"],
        "the node's own settings: node.yaml, `dnsmasq:`",
    ),
}
"""Directives whose effect is there without them."""

ELSEWHERE = {
    **dict.fromkeys(
        """user group pid-file log-facility log-async log-debug keep-in-foreground no-daemon""".split(),  # noqa: SIM905
        "how dnsmasq is started: leave it to the service's unit",
    ),
    **dict.fromkeys(
        ["dhcp-script", "dhcp-luascript", "dhcp-scriptuser", "script-arp", "script-on-renewal", "leasefile-ro"],
        "runs a program: reconciler watches the leases itself (node.yaml, `dhcp_script:`)",
    ),
    **dict.fromkeys(
        ["auth-zone", "auth-server", "auth-peer", "auth-sec-servers", "auth-soa", "auth-ttl"],
        "authoritative zones are BIND's here (dns.authoritative: bind)",
    ),
    "conf-script": "a program that prints configuration; it was not run",
    "interface-name": "write the host with its address",
}
"""Directives that are left, and why."""

_KNOWN = frozenset(
    """add-cpe-id add-mac add-subnet bridge-interface connmark-allowlist connmark-allowlist-enable conntrack
    dhcp-alternate-port dhcp-duid dhcp-relay dnssec-timestamp dumpfile dumpmask dynamic-host enable-dbus enable-tftp
    enable-ubus ipset leasequery max-port max-tcp-connections min-port nftset no-dhcp-interface no-dhcpv4-interface
    no-dhcpv6-interface no-poll port-limit query-port tftp-lowercase tftp-max tftp-mtu tftp-no-blocksize tftp-no-fail
    tftp-port-range tftp-root tftp-secure tftp-single-port tftp-unique-root umbrella""".split()  # noqa: SIM905
)


def reason(key: str) -> str:
    """Why a directive can be neither taken nor put into a hatch; "" where it can be put there."""
    if key in ALLOWED:
        return ""
    if key in ELSEWHERE:
        return ELSEWHERE[key]
    if key in _KNOWN:
        return f"a state may not bring it; `dnsmasq: {{allow: [{key}]}}` in node.yaml would allow it under dnsmasq.d/"
    return "no directive of dnsmasq that is known here"
