"""`reconciler import`."""

import json
import time
from pathlib import Path
from typing import NamedTuple

import click

from reconciler.cli.common import json_option
from reconciler.errors import Refused
from reconciler.importing import told, write
from reconciler.importing.bind import read_named
from reconciler.importing.ddclient import read_ddclient
from reconciler.importing.dnsmasq.read import read_dnsmasq
from reconciler.importing.found import FoundDhcp, FoundDns, FoundWan
from reconciler.importing.join import Joined, join
from reconciler.importing.proof import Finding, prove
from reconciler.importing.source import Source
from reconciler.importing.usual import look
from reconciler.report import plural
from reconciler.state.types import IDENTIFIER

_PATIENCE = 2.0
"""Seconds before progress is shown."""


class _Inputs(NamedTuple):
    """Paths on the machine that is moved, "" for none. folder: a conf-dir beside dnsmasq.conf."""

    named: str
    dnsmasq: str
    folder: str
    hosts: tuple[str, ...]
    ethers: str
    leases: str
    ddclient: str


@click.command(epilog="Example: sudo reconciler import -o ~/network --verify")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write."
)
@click.option("--named", default="", metavar="FILE", help="BIND's named.conf.")
@click.option("--dnsmasq", default="", metavar="FILE", help="dnsmasq.conf.")
@click.option("--hosts", multiple=True, metavar="FILE", help="A further hosts file; can be given again.")
@click.option("--ethers", default="", metavar="FILE", help="An ethers file, in place of /etc/ethers.")
@click.option("--leases", default="", metavar="FILE", help="dnsmasq's lease file, in place of the configured one.")
@click.option("--ddclient", default="", metavar="FILE", help="ddclient.conf.")
@click.option(
    "--root", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder that stands for /: a copy."
)
@click.option("--site", metavar="NAME", help="Name of the site.  [default: the output folder's]")
@click.option("--secrets", type=click.Path(path_type=Path, file_okay=False), help="Folder to write secrets to.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="File for the full report.")
@click.option("--verify", is_flag=True, help="Compare what the state serves with what the old files say.")
@json_option
def command(
    output: Path,
    named: str,
    dnsmasq: str,
    hosts: tuple[str, ...],
    ethers: str,
    leases: str,
    ddclient: str,
    root: Path | None,
    site: str | None,
    secrets: Path | None,
    report: Path | None,
    verify: bool,
    as_json: bool,
) -> None:
    """Make a state repository of what BIND, dnsmasq and ddclient are configured with now.

    Without FILEs it looks at the usual places. Servers and their files are only read. The output folder must be empty
    or new; with --verify and a folder that has a state already nothing is written, and that state is compared.
    """
    inputs = _inputs(_Inputs(named, dnsmasq, "", hosts, ethers, leases, ddclient), root)
    name = site or output.absolute().name
    if not IDENTIFIER.fullmatch(name):
        raise click.UsageError(f"{name!r} cannot be a site's name; give one with --site")
    compare_only = verify and (output / "site.yaml").exists()
    if not compare_only:
        write.check_free(output)
    report = report or output.absolute().parent / f"{output.absolute().name}-import.txt"
    joined = _read(inputs, root, name)
    if not compare_only:
        _write(joined, output, report, secrets)
    proof = prove(joined, output, root) if verify else None
    _show(joined, proof, None if compare_only else (output, report), secrets, as_json=as_json)
    raise SystemExit(0 if proof is None or all(item.same for item in proof) else 1)


def _write(joined: Joined, output: Path, report: Path, secrets: Path | None) -> None:
    with write.beside(report, told.report(joined)):
        write.write(output, joined.settled.files, joined.secrets, secrets)


def _inputs(given: _Inputs, root: Path | None) -> _Inputs:
    """What was named, or what is found at the usual places."""
    if any(given):
        return given
    usual = look(Source(root))
    for path in (usual.named, usual.dnsmasq, usual.ddclient):
        if path:
            click.echo(f"found     {path}", err=True)
    if not any(usual):
        raise Refused("no named.conf, dnsmasq.conf or ddclient.conf at the usual places; name one (see --help)")
    return given._replace(named=usual.named, dnsmasq=usual.dnsmasq, folder=usual.folder, ddclient=usual.ddclient)


class _Progress:
    """Lines on standard error, once it takes long."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, text: str) -> None:
        spent = time.monotonic() - self._start
        if spent > _PATIENCE:
            click.echo(f"{spent:6.1f} s  {text}", err=True)


def _read(inputs: _Inputs, root: Path | None, site: str) -> Joined:
    progress = _Progress()
    dns, dhcp, wan = FoundDns(), FoundDhcp(), FoundWan()
    if inputs.named:
        progress(f"reading {inputs.named}")
        dns = read_named(_place(inputs.named, root), root=root)
    if inputs.dnsmasq or inputs.hosts or inputs.ethers or inputs.leases:
        dhcp = read_dnsmasq(
            inputs.dnsmasq or None,
            hosts=inputs.hosts,
            ethers=inputs.ethers or None,
            leases=inputs.leases or None,
            folder=inputs.folder,
            root=root,
            progress=progress,
        )
    if inputs.ddclient:
        wan = read_ddclient(inputs.ddclient, root=root)
    return join(dns, dhcp, wan, site=site, progress=progress)


def _place(path: str, root: Path | None) -> Path:
    return Path(path) if root is None else root / path.lstrip("/")


def _show(
    joined: Joined,
    proof: list[Finding] | None,
    written: tuple[Path, Path] | None,
    secrets: Path | None,
    *,
    as_json: bool,
) -> None:
    if as_json:
        click.echo(json.dumps(told.document(joined, proof), indent=2))
        return
    if written is not None:
        for text in (*told.summary(joined), *told.secrets(joined, secrets)):
            click.echo(text)
        click.echo(
            f"{'wrote':<9} {written[0]}: {plural(len(joined.settled.files), 'file')}; the full report is {written[1]}"
        )
    for text in told.findings(proof or []):
        click.echo(text)
