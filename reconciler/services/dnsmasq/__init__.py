"""dnsmasq: DHCP and DNS for clients, alone or before BIND."""
