"""Moving in: what a network is now, read from its servers' own files, as a state repository.

named.conf, master files ──▶ importing/bind/     ──▶ FoundDns   ┐
dnsmasq.conf, hosts, ethers, leases ▶ importing/dnsmasq/ ▶ FoundDhcp ├▶ join ▶ files of a state repository, report
ddclient.conf ────────────▶ importing/ddclient.py ──▶ FoundWan  ┘
"""
