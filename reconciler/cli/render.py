"""`reconciler render`."""

from pathlib import Path

import click

from reconciler import folder, report
from reconciler.cli.common import config_option, settings_of, show
from reconciler.daemon.node import assemble
from reconciler.deployed import Deployed
from reconciler.dns.versions import filename
from reconciler.errors import Refused


@click.command(epilog="Example: reconciler render ~/network -o /tmp/rendered")
@config_option
@click.argument("path", type=click.Path(path_type=Path), default=".")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder to write; must be empty.")
def command(config: Path, path: Path, output: Path) -> None:
    """Write what the working copy at PATH renders to: zone files (serial 0) and the servers' files.

    For looking at; no server is told. Secret files are left out.
    """
    node = assemble(settings_of(config))
    evaluation = node.evaluator.evaluate("working copy", folder.read(path), Deployed())
    if evaluation.site is None:
        for text in report.check(evaluation):
            show(text)
        raise SystemExit(1)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise Refused(f"{output} is not an empty folder; name a new one")
    written = 0
    for name, item in evaluation.site.zones.items():
        written += _write(output / "zones" / filename(name), item.zone.text(0).encode())
    for relative, file in evaluation.files.items():
        if not file.secret:
            written += _write(output / relative, file.content)
    click.echo(f"{report.plural(written, 'file')} in {output}")


def _write(path: Path, content: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return 1
