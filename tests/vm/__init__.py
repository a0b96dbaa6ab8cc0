"""Two virtual machines with real DRBD, heartbeat, systemd and AppArmor, and a third that asks them; `make test-vm`."""
