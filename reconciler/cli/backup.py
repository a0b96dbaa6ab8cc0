"""`reconciler backup`."""

from pathlib import Path

import click

from reconciler.backup.take import take
from reconciler.cli.common import config_option, refuse_standby, settings_of
from reconciler.effects import Effects
from reconciler.errors import visible
from reconciler.report import plural
from reconciler.role.own import OwnDisk


@click.command(epilog="Example: sudo reconciler backup /var/backups/reconciler.tar")
@config_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def command(config: Path, file: Path) -> None:
    """Write all that is needed to start again on empty disks to FILE: repository, settings, serials, leases, zones.

    Secrets are named, never packed. May be called while everything runs; for root or the daemon's user, on a pair on
    the primary. FILE is replaced when the new one is whole, and only its owner can read it: keep a copy elsewhere.
    """
    settings = settings_of(config)
    refuse_standby(settings)
    data, found = take(settings, config)
    Effects(OwnDisk(), helper=settings.helper).replace(file.absolute(), data, mode=0o600)
    click.echo(f"wrote     {file}: {-(-len(data) // 1024)} KiB")
    click.echo(f"has       {plural(len(found.refs), 'ref')}, serials of {plural(len(found.serials), 'zone')}")
    for text in found.notes:
        click.secho(f"warning   {visible(text)}", fg="yellow")
    for name in found.unreplicated:
        click.echo(f"beside    {settings.own / 'unreplicated' / visible(name)}: a push that the peer does not have")
    keys = (f"{path} ({what})" for path, what in found.keys.items())
    for text in (*(str(settings.secrets / name) for name in found.secrets), *keys):
        click.echo(f"not in it {visible(text)}")
