"""`reconciler hook`: what the git hooks fall back to when no daemon answers. Not for people."""

import os
import sys
from pathlib import Path

import click

from reconciler.cli.common import config_option, settings_of
from reconciler.daemon import push
from reconciler.daemon.hook_request import HookRequest
from reconciler.daemon.node import assemble
from reconciler.errors import ReconcilerError
from reconciler.git.receive import Update


@click.command(hidden=True)
@config_option
@click.argument("name", type=click.Choice(["pre-receive"]))
def command(config: Path, name: str) -> None:
    """Check a push in this process: git's input on standard input, its variables in the environment."""
    node = assemble(settings_of(config))
    try:
        code = push.pre_receive(node, _request(name), click.echo)
    except (ReconcilerError, OSError) as error:
        code = push.failed(error, click.echo)
    raise SystemExit(code)


def _request(name: str) -> HookRequest:
    """The same request that the hook would have sent to a daemon (githooks(5))."""
    environment = os.environ
    count = int(environment.get("GIT_PUSH_OPTION_COUNT", "0"))
    return HookRequest(
        verb=name,
        updates=tuple(Update(*line.split(" ")) for line in sys.stdin.read().splitlines()),
        options=tuple(environment.get(f"GIT_PUSH_OPTION_{number}", "") for number in range(count)),
        pushed_by=environment.get("RECONCILER_PUSHED_BY", ""),
        uid=os.getuid(),
        environment={key: value for key, value in environment.items() if key.startswith("GIT_")},
    )
