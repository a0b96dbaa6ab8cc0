"""BIND: zone files, named.conf fragments, static and dynamic zones."""
