"""Doing things before somebody's eyes: real commands with their real output, expectations, times, a table."""

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from reconciler.errors import ReconcilerError

_POLL = 0.05


class Unexpected(ReconcilerError):
    """A command ended or answered otherwise than it should."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the table."""

    title: str
    seconds: float
    good: bool


class Stage:
    """Runs commands visibly. `short` maps what is shown instead of long paths."""

    def __init__(self, environment: Mapping[str, str], short: Mapping[str, str]) -> None:
        self.steps: list[Step] = []
        self._environment = {**os.environ, **environment}
        self._short = sorted(short.items(), key=lambda pair: -len(pair[0]))

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step; what goes wrong in it is shown, and the show goes on."""
        click.echo()
        click.secho(f"== {title}", bold=True)
        started = time.monotonic()
        good = False
        try:
            yield
            good = True
        except Unexpected as error:
            click.secho(f"!! {error}", fg="red")
        finally:
            self.steps.append(Step(title, time.monotonic() - started, good))

    def run(
        self,
        *argv: str,
        cwd: Path,
        code: int = 0,
        expect: str | tuple[str, ...] = (),
        without: str = "",
        stdin: str | None = None,
        quiet: bool = False,
        within: float = 0.0,
    ) -> str:
        """Run a command and show it with its output.

        Raises Unexpected unless it ends with `code`, says `expect` and does not say `without`. within: seconds for
        that to come true; until then the command is run again, and only the last run is shown.
        """
        deadline = time.monotonic() + within
        while True:
            result = self._run(argv, cwd, stdin)
            flaw = _flaw(result, code, (expect,) if isinstance(expect, str) else expect, without)
            if flaw is None or time.monotonic() >= deadline:
                break
            time.sleep(_POLL)
        if flaw is not None or not quiet:
            self._show(shlex.join(argv) + (f" <<'END'\n{stdin.rstrip()}\nEND" if stdin else ""), result.stdout)
        if flaw is not None:
            raise Unexpected(f"{argv[0]} {flaw}")
        return result.stdout

    def start(self, *argv: str, log: Path, expect: str, within: float) -> "subprocess.Popen[bytes]":
        """Start what runs on, and show what it says (into `log`) up to `expect`. Raises Unexpected if it does not."""
        with log.open("wb") as stream:
            process = subprocess.Popen(
                argv, env=self._environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
            )
        deadline = time.monotonic() + within
        while expect not in log.read_text() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL)
        said = log.read_text()
        self._show(f"{shlex.join(argv)} &", said)
        if expect not in said:
            process.kill()
            process.wait()
            raise Unexpected(f"{argv[0]} did not say {expect!r}")
        return process

    def say(self, text: str) -> None:
        """A sentence for whoever watches."""
        click.echo(text)

    def fail(self, text: str) -> None:
        """The step did not go as it should."""
        raise Unexpected(text)

    @property
    def good(self) -> bool:
        """Every step went as expected."""
        return all(step.good for step in self.steps)

    def table(self) -> None:
        """What was done, how it went, how long it took."""
        table = Table("step", "result", "seconds", box=None, pad_edge=False)
        table.columns[2].justify = "right"
        for step in self.steps:
            result = "[green]as expected[/]" if step.good else "[red]NOT AS EXPECTED[/]"
            table.add_row(step.title, result, f"{step.seconds:.2f}")
        click.echo()
        Console(highlight=False, soft_wrap=True).print(table)

    def _run(self, argv: Sequence[str], cwd: Path, stdin: str | None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            argv,
            cwd=cwd,
            env=self._environment,
            input=stdin or "",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )

    def _show(self, command: str, output: str) -> None:
        click.secho(f"$ {self._shorten(command)}", fg="cyan")
        if output.strip():
            click.echo(self._shorten(output.rstrip()))

    def _shorten(self, text: str) -> str:
        for long, short in self._short:
            text = text.replace(long, short)
        return text


def _flaw(result: "subprocess.CompletedProcess[str]", code: int, expect: Sequence[str], without: str) -> str | None:
    if result.returncode != code:
        return f"ended with exit code {result.returncode}, expected {code}"
    for text in expect:
        if text not in result.stdout:
            return f"did not say {text!r}"
    return f"says {without!r}" if without and without in result.stdout else None
