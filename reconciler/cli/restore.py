"""`reconciler restore`."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click

from reconciler import node_setup
from reconciler.backup import facts, restore
from reconciler.backup.restore import Backup
from reconciler.cli.common import config_option
from reconciler.cli.next_steps import next_steps
from reconciler.config import NodeConfig, load, parse
from reconciler.daemon.lock import exclusive
from reconciler.errors import Refused, visible


@click.command(epilog="Example: sudo reconciler restore /mnt/usb/reconciler.tar")
@config_option
@click.option("--user", help="User that the daemon runs as.  [default: reconciler for root, else yourself]")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def command(config: Path, user: str | None, file: Path) -> None:
    """Set an empty node up from FILE, which `reconciler backup` wrote, in place of `reconciler init`.

    For root; on a pair on the node where the shared disk is mounted. Nothing that exists is written over; a node.yaml
    that is there counts in place of the backup's, so that paths can differ. A file that is cut or was changed is
    refused before anything is written. Ends by telling what is left to do.
    """
    backup = restore.read(file)
    who = node_setup.owner(user)
    config = config.absolute()
    settings = _settings(backup, config)
    if missing := node_setup.missing_disk(settings):
        raise Refused(f"{missing}; restore where the shared disk is mounted, then set up the other node")
    restore.check_free(backup, settings)
    with _no_daemon(settings.control):
        _show(restore.write_settings(backup, config, who))
        _show(node_setup.write_script_settings(settings, config))
        _show(node_setup.make_own(settings, who))
        _show(node_setup.make_folders(settings, settings.repo.parent, who))
        with restore.alone(backup, settings):
            _show(restore.write_leases(backup, settings))
            secrets = restore.secrets(backup, settings)
            node_setup.become(who)
            _show(restore.write_rest(backup, settings, config, who))
    _left(backup, settings, config, who.name, secrets)


def _no_daemon(control: Path) -> AbstractContextManager[None]:
    """Hold the daemon's lock, where there ever was one: a file that root makes could not be opened by the daemon."""
    return exclusive(control) if control.with_suffix(".lock").exists() else nullcontext()


def _settings(backup: Backup, config: Path) -> NodeConfig:
    if config.exists():
        return load(config)
    return parse(backup.files[facts.NODE_YAML], config)


def _show(lines: Iterable[str]) -> None:
    for text in lines:
        click.echo(visible(text))


def _left(backup: Backup, settings: NodeConfig, config: Path, user: str, secrets: list[tuple[str, bool]]) -> None:
    if secrets:
        click.echo("\nSecrets, which are in no backup:")
        for secret, there in secrets:
            click.secho(f"  {'there  ' if there else 'MISSING'}  {visible(secret)}", fg="green" if there else "red")
    for text in backup.facts.notes:
        click.secho(f"  note     {visible(text)}", fg="yellow")
    click.echo(next_steps(settings, config, user))
    if settings.role != "always":
        click.echo(
            f"On the other node: copy {config}, change `node:` to that node's name, put the secrets there too, "
            "and run `reconciler init`."
        )
    click.echo(
        "Restart named and dnsmasq before the daemon starts: they may hold what was there before. "
        "At last: `reconciler apply`, then `reconciler status`."
    )
