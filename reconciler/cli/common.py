"""What several commands share: the --config option, asking the daemon, coloured report lines."""

import os
import pwd
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from reconciler import node_role
from reconciler.config import DEFAULT_PATH, NodeConfig, load
from reconciler.daemon.client import ask
from reconciler.daemon.protocol import Request
from reconciler.errors import Refused, visible
from reconciler.role.base import Role

F = TypeVar("F", bound=Callable[..., Any])

_COLOURS = (
    (re.compile(r"^\s*(plan\s+)?\+ "), "green"),
    (re.compile(r"^\s*(plan\s+)?- "), "red"),
    (re.compile(r"^\s*(plan\s+)?~ "), "yellow"),
    (re.compile(r"^(applied|unchanged)\b"), "green"),
    (re.compile(r"^(refused|failed|guard|drift)\b"), "red"),
    (re.compile(r"^(waiting|paused|standby)\b"), "yellow"),
    (re.compile(r"^[\w./%-]+:\d+:\d+: warning:"), "yellow"),
    (re.compile(r"^[\w./%-]+:\d+:\d+: "), "red"),
)


def config_option(function: F) -> F:
    """Add `--config FILE`, given to the command as `config: Path`."""
    return _config(click.Path(path_type=Path, dir_okay=False))(function)


def any_config_option(function: F) -> F:
    """As `config_option`, for a command that says itself what is wrong with the file, whatever it is."""
    return _config(click.Path(path_type=Path, readable=False))(function)


def _config(kind: click.Path) -> Callable[[F], F]:
    return click.option(
        "--config",
        type=kind,
        default=DEFAULT_PATH,
        show_default=True,
        envvar="RECONCILER_CONFIG",
        help="The node's settings.",
    )


def json_option(function: F) -> F:
    """Add `--json`, given to the command as `as_json: bool`."""
    return click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")(function)


def show(text: str) -> None:
    """Print one report line, coloured on a terminal."""
    text = visible(text)
    for pattern, colour in _COLOURS:
        if pattern.search(text):
            click.secho(text, fg=colour)
            return
    click.echo(text)


def ask_daemon(settings: NodeConfig, verb: str, arguments: Mapping[str, str] | None = None) -> int:
    """Have the daemon do `verb` and show what it says; return its exit code."""
    return ask(settings.control, request(verb, arguments), show)


def request(verb: str, arguments: Mapping[str, str] | None = None) -> Request:
    """A request that says who asks: behind sudo that is the person, not root."""
    pairs = {key: (value,) for key, value in (arguments or {}).items()}
    name = os.environ.get("SUDO_USER", "")
    who = {"pushed-by": (name,)} if name else {"uid": (str(os.getuid()),)}
    return Request(verb, {**pairs, **who})


def settings_of(config: Path) -> NodeConfig:
    """Read node.yaml."""
    return load(config)


def refuse_standby(settings: NodeConfig) -> None:
    """Raise Refused on the standby of a pair: what is asked for lies on the shared disk, or only the primary knows."""
    if settings.role != "always":
        report = node_role.provider(settings).read()
        if report.role is not Role.PRIMARY:
            raise Refused(f"this node is standby ({'; '.join(report.reasons)}); ask the primary")


def as_owner(settings: NodeConfig) -> None:
    """Go on as the user that the node's files belong to, if root calls.

    What root writes there the daemon could not read; and root does not run git in somebody else's repository.
    """
    # On a standby the repository is not there, and the mount point is not touched.
    places = (settings.repo, settings.own) if settings.role == "always" else (settings.own, settings.repo)
    place = next((place for place in places if place.exists()), None)
    if place is not None:
        # Only here: it brings git and all that runs programs with it, and commands that only ask have to be quick.
        from reconciler import node_setup  # noqa: PLC0415

        entry = pwd.getpwuid(place.stat().st_uid)
        node_setup.become(node_setup.Owner(entry.pw_name, entry.pw_uid, entry.pw_gid))
