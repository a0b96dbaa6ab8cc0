"""Real servers on loopback, with unprivileged ports and their own folders, for the demo and for tests."""
