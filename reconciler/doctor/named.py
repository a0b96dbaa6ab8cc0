"""named: its control channel, its configuration, and what AppArmor lets it do."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from reconciler import tools
from reconciler.config import BindSettings
from reconciler.doctor import sockets
from reconciler.doctor.finding import Finding, broken, chapter, skipped, well
from reconciler.doctor.node import Node
from reconciler.errors import Refused, Temporary
from reconciler.services.bind import conf
from reconciler.services.bind.keys import read_key_file
from reconciler.services.bind.render import FRAGMENT
from reconciler.services.bind.rndc import Rndc

_PROFILES = "sys/kernel/security/apparmor/profiles"
_LOCAL = "etc/apparmor.d/local/usr.sbin.named"
_ALLOWED = (Path("/var/lib/bind"), Path("/var/cache/bind"))
"""Where the profile of Debian and Ubuntu lets named read and write."""
_RULE = re.compile(r'^\s*(?:owner\s+)?"?(?P<path>/[^\s"]*)"?\s+(?P<rights>[a-z]+)\s*,', re.MULTILINE)
_SECRET = re.compile(r'\bsecret\s+"?([^"\s;]{8,})')
_PASSES = ("named", "/usr/sbin/named")


def rndc(node: Node) -> Iterator[Finding]:
    """That named's control channel lets the daemon's user in with the key of node.yaml."""
    settings = _bind(node)
    try:
        read_key_file(settings.rndc_key)
    except Refused as error:
        yield broken(
            f"{error} (as user {node.who})",
            f"sudo chgrp bind {settings.rndc_key} && sudo chmod 640 {settings.rndc_key}",
            f"sudo usermod --append --groups bind {node.who}",
            "# where it is not there: sudo rndc-confgen -a && sudo systemctl restart named",
            chapter("rndc is not let in"),
        )
        return
    try:
        answer = Rndc(settings, node.effects).server(timeout=5.0)
    except Temporary as error:
        down = "refused" in str(error)
        yield broken(
            str(error),
            "systemctl status named",
            f"grep -rn 'controls' {settings.named_conf.parent}    # its keys and its port: those of node.yaml?",
            f"sudo rndc -k {settings.rndc_key} -s {settings.rndc_address} -p {settings.rndc_port} status",
            chapter("named is down" if down else "rndc is not let in"),
        )
        return
    if answer.ok:
        yield well(f"{settings.rndc_address} port {settings.rndc_port} takes {settings.rndc_key}")
    else:
        yield broken(f"`rndc status` said {answer.words!r}", "journalctl -u named -n 20", chapter("rndc is not let in"))


def configuration(node: Node) -> Iterator[Finding]:
    """That it is sound, includes our part, and is the one that named was started with."""
    settings = _bind(node)
    where = settings.named_conf
    try:
        copies = conf.collect(where, {}, "")
    except PermissionError as error:
        yield skipped(f"{error.filename} cannot be read: run as root")
        return
    except OSError as error:
        yield broken(
            f"{error.filename}: {error.strerror}; named would not start with it",
            f"sudo named-checkconf {where}",
            chapter("named is down"),
        )
        return
    found = [*_without_us(settings, copies), *_unsound(where, copies), *_of_another(node)]
    yield from found
    if not found:
        yield well(f"{where} is sound and includes our part")


def _without_us(settings: BindSettings, copies: Collection[conf.Copy]) -> Iterator[Finding]:
    fragment = settings.directory / FRAGMENT
    if all(copy.origin != fragment for copy in copies):
        yield broken(
            f"{settings.named_conf} does not include our part",
            f"echo 'include \"{fragment}\";' | sudo tee -a {settings.named_conf}",
            "sudo rndc reconfig",
            chapter("A push is refused: a server's checker"),
        )


def _unsound(where: Path, copies: Collection[conf.Copy]) -> Iterator[Finding]:
    checked = tools.run(["named-checkconf", str(where)], timeout=4)
    if checked.code:
        yield broken(
            f"named-checkconf: {_without_secrets(checked.text.splitlines()[0], copies) if checked.text else ''}; "
            "named would not start with it",
            f"sudo named-checkconf {where}",
            chapter("The configuration is not taken, and could not be put back"),
        )


def _without_secrets(line: str, copies: Collection[conf.Copy]) -> str:
    """The checker may quote what stands near a mistake."""
    for secret in {match[1] for copy in copies for match in _SECRET.finditer(copy.text)}:
        line = line.replace(secret, "(secret)")
    return line


def _of_another(node: Node) -> Iterator[Finding]:
    running, settings = sockets.named_process(node), _bind(node)
    if running is not None and not sockets.is_named_conf(running, settings):
        started_with = sockets.configuration(running)
        yield broken(
            f"named (process {running.pid}) was started with {started_with}, and node.yaml says {settings.named_conf}",
            f"sudoedit {node.config}    # bind: named_conf: {started_with}",
            "sudo systemctl reload reconciler",
        )


def apparmor(node: Node) -> Iterator[Finding]:
    """That named may read and write our folder, where AppArmor confines it."""
    folder = _bind(node).directory
    if any(folder.is_relative_to(place) for place in _ALLOWED):
        yield well(f"{folder} is where the profile of named lets it read and write")
        return
    try:
        profiles = (node.system / _PROFILES).read_text()
    except FileNotFoundError:
        yield well("AppArmor is not at work here")
        return
    except PermissionError:
        yield skipped("whether AppArmor confines named: run as root")
        return
    if not any(f"{name} (enforce)" in profiles.splitlines() for name in _PASSES):
        yield well("AppArmor does not confine named")
        return
    try:
        rules = [(match["path"], match["rights"]) for match in _RULE.finditer((node.system / _LOCAL).read_text())]
    except FileNotFoundError:
        rules = []
    needed = [(f"{folder}/{FRAGMENT}", "r"), (f"{folder}/zones/example.net", "rw")]
    if all(_allowed(path, rights, rules) for path, rights in needed):
        yield well(f"AppArmor's local profile lets named into {folder}")
        return
    lines = (f"{folder}/ r,", f"{folder}/** r,", f"{folder}/zones/ rw,", f"{folder}/zones/** rw,")
    yield broken(
        f"AppArmor confines named, and its profile does not let it read and write {folder}",
        *(f"echo '{line}' | sudo tee -a /{_LOCAL}" for line in lines),
        "sudo apparmor_parser -r /etc/apparmor.d/usr.sbin.named",
        chapter("AppArmor"),
    )


def _allowed(path: str, rights: str, rules: list[tuple[str, str]]) -> bool:
    granted = {right for pattern, given in rules if _glob(pattern).fullmatch(path) for right in given}
    return set(rights) <= granted


def _glob(pattern: str) -> re.Pattern[str]:
    """AppArmor's wildcards (apparmor.d(5), Globbing): `**` also goes over slashes."""
    parts = re.split(r"(\*\*|\*)", pattern)
    return re.compile("".join({"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts))


def _bind(node: Node) -> BindSettings:
    assert node.settings.bind is not None
    return node.settings.bind
