"""ddclient: publishes the public address at providers of dynamic DNS. Run once for each sending, never as a service."""
