"""The `reconciler` command. Commands live in files of their own and are imported when they are called."""

import importlib
import keyword
import os
import sys
import traceback
from pathlib import Path

import click

from reconciler import __version__
from reconciler.errors import ReconcilerError, visible

_COMMANDS = {
    "check": "Check a state repository's working copy.",
    "plan": "Show what a commit or working copy would change.",
    "render": "Write the files that a state renders to, to look at.",
    "secondary": "Print the named.conf of a further name server.",
    "prepare": "Make files ready before named and dnsmasq start.",
    "apply": "Make one pass now.",
    "run": "Run the daemon.",
    "status": "Show what this node serves and what is wrong.",
    "doctor": "Say what is wrong on this node, and what to do.",
    "role": "Say whether this node is primary, and why.",
    "demote": "Give the primary role away.",
    "log": "Show the history of applies.",
    "wan": "Show the public address and where it is published.",
    "delegation": "Say what a zone's parent has to hold, and check it.",
    "leases": "Show who is connected, now or then.",
    "fetch": "Fetch from upstream now.",
    "pause": "Apply nothing until `resume`.",
    "resume": "End a pause.",
    "rollback": "Bring the state of an older commit back.",
    "bootstrap": "Write what a node needs before the daemon: DRBD, heartbeat, network, firewall.",
    "import": "Make a state repository of what the servers have now.",
    "init": "Set this node up: repository, hooks, node.yaml.",
    "backup": "Pack what is needed to start again on empty disks.",
    "restore": "Set an empty node up from a backup.",
    "schema": "Print the JSON Schema of site.yaml or hosts files.",
    "demo": "Show the main job on loopback, with real servers.",
    "lab": "Show a pair on this machine: failover, with real servers.",
    "hook": "",
}


class _Lazy(click.Group):
    """Imports a command's file only when it is used: `--help` and small commands start at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, text in _COMMANDS.items() if text]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        # A module cannot have a keyword's name.
        suffix = "_" if keyword.iskeyword(cmd_name) else ""
        module = importlib.import_module(f"reconciler.cli.{cmd_name}{suffix}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib  # noqa: PLC0415  Only here: every command's start would wait for it.

            close = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if close:
                raise click.UsageError(f"{error.message.rstrip('.')}: did you mean {close[0]}?", ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, text in _COMMANDS.items() if text])


@click.command(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: reconciler check ~/network && git push",
)
@click.version_option(__version__, prog_name="reconciler")
def cli() -> None:
    """GitOps for DNS and DHCP: `git push` changes the network, `git log` is its history.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
    """


def main() -> None:
    """Entry point: errors become one sentence on standard error, never a traceback."""
    os.environ["PATH"] = f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/local/sbin:/usr/sbin:/sbin"
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        code = 130
    except ReconcilerError as error:
        click.echo(f"reconciler: {visible(str(error))}", err=True)
        code = 1
    except BrokenPipeError:
        # The reader went away (`reconciler log | head`); leave nothing for the interpreter to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except OSError as error:
        text = f"{error.filename or 'input/output'}: {error.strerror or error}"
        click.echo(f"reconciler: {visible(text)}", err=True)
        code = 1
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        click.echo(f"reconciler: a mistake in this program, please report it: {error!r} at {where}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
