"""dnsmasq's own files, read as dnsmasq 2.90 reads them (dnsmasq(8); option.c)."""
