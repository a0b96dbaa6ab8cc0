"""Where servers usually have their configuration, on Debian and beside it."""

import re
from typing import NamedTuple

from reconciler.importing.source import Source, Unreadable

_NAMED = ("/etc/bind/named.conf", "/etc/named.conf")
_DNSMASQ = "/etc/dnsmasq.conf"
_DEFAULTS = "/etc/default/dnsmasq"
_DDCLIENT = ("/etc/ddclient.conf", "/etc/ddclient/ddclient.conf")
_CONF_FILE = re.compile(r"""^[^#\n]*(?:--conf-file=|-C[ =]?)([^\s"']+)""", re.MULTILINE)
_CONFIG_DIR = re.compile(r"""^\s*CONFIG_DIR=["']?([^\s"'#]+)""", re.MULTILINE)


class Usual(NamedTuple):
    """Paths of what is there, "" for what is not. folder: a conf-dir of dnsmasq that its init script adds."""

    named: str = ""
    dnsmasq: str = ""
    folder: str = ""
    ddclient: str = ""


def look(source: Source) -> Usual:
    """Look at the usual places; /etc/default/dnsmasq may name others for dnsmasq."""
    try:
        defaults = source.text(_DEFAULTS).text
    except Unreadable:
        defaults = ""
    named_there = _CONF_FILE.search(defaults)
    conf = named_there[1] if named_there else _DNSMASQ
    folder = _CONFIG_DIR.search(defaults)
    return Usual(
        next((path for path in _NAMED if source.exists(path)), ""),
        conf if source.exists(conf) else "",
        folder[1] if folder and source.exists(folder[1].split(",", 1)[0]) else "",
        next((path for path in _DDCLIENT if source.exists(path)), ""),
    )
