"""DHCP leases: what the servers' lease files say, what has changed, and the DNS names that leases get."""
