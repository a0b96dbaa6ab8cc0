"""Fixtures that start real servers."""

from dnsmasq_fixtures import bench
from named_fixtures import lab, lab_as_bind, named

__all__ = ["bench", "lab", "lab_as_bind", "named"]
