"""What is done on a node before named and dnsmasq start: boot, promotion, after a power cut."""
