"""Steps of a README: what to do, commands to copy, and what they print. Pure."""

from collections.abc import Iterable
from typing import NamedTuple


class Run(NamedTuple):
    """Commands, and what shows that they have worked; "" where that is no error."""

    commands: tuple[str, ...]
    prints: str = ""


class Step(NamedTuple):
    """A numbered step; its parts are sentences and commands."""

    title: str
    parts: tuple[str | Run, ...]


def run(*commands: str, prints: str = "") -> Run:
    """Commands in this order."""
    return Run(commands, prints)


def markdown(steps: Iterable[Step]) -> list[str]:
    """Lines of the steps, numbered from 1."""
    lines: list[str] = []
    for number, step in enumerate(steps, 1):
        lines += ["", f"## {number}. {step.title}"]
        for part in step.parts:
            lines.append("")
            if isinstance(part, str):
                lines.append(part)
            else:
                lines += (f"    {command}" for command in part.commands)
                lines += ["", f"Prints {part.prints}."] if part.prints else []
    return lines
