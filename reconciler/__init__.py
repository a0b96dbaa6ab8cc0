"""GitOps reconciler for DNS and DHCP: a git repository is the truth, the servers follow it."""

__version__ = "0.1.0"
