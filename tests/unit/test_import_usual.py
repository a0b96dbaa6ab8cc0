"""Where servers usually have their configuration."""

from pathlib import Path

import pytest

from reconciler.importing.source import Source
from reconciler.importing.usual import Usual, look


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, Usual()),
        ({"etc/named.conf": ""}, Usual(named="/etc/named.conf")),
        (
            {"etc/bind/named.conf": "", "etc/named.conf": "", "etc/dnsmasq.conf": "", "etc/ddclient.conf": ""},
            Usual("/etc/bind/named.conf", "/etc/dnsmasq.conf", "", "/etc/ddclient.conf"),
        ),
        (
            {
                "etc/default/dnsmasq": '#DNSMASQ_OPTS="--conf-file=/x"\n'
                'DNSMASQ_OPTS="--conf-file=/srv/drbd0/dnsmasq/dnsmasq.conf"\n',
                "srv/drbd0/dnsmasq/dnsmasq.conf": "",
                "etc/dnsmasq.conf": "",
            },
            Usual(dnsmasq="/srv/drbd0/dnsmasq/dnsmasq.conf"),
        ),
        (
            {
                "etc/default/dnsmasq": "CONFIG_DIR=/etc/dnsmasq.d,.dpkg-dist,.dpkg-old\n",
                "etc/dnsmasq.conf": "",
                "etc/dnsmasq.d/x": "",
            },
            Usual(dnsmasq="/etc/dnsmasq.conf", folder="/etc/dnsmasq.d,.dpkg-dist,.dpkg-old"),
        ),
    ],
)
def test_the_usual_places(tmp_path: Path, files: dict[str, str], expected: Usual) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert look(Source(tmp_path)) == expected
