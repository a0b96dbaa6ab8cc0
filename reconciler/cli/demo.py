"""`reconciler demo`."""

import click

from reconciler.demo.tour import tour


@click.command(epilog="Example: reconciler demo --keep")
@click.option(
    "--keep", is_flag=True, help="Leave everything running for play, and tell how to push to it and how to stop it."
)
def command(keep: bool) -> None:
    """Show the main job on loopback: real named and dnsmasq, real pushes, real answers.

    Everything lies in one temporary folder, on free unprivileged ports; nothing of this machine's own name servers
    is touched. Exit code 0 only if every answer was the expected one.
    """
    raise SystemExit(tour(keep=keep))
