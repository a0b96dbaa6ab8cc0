"""What an import says: to a person at the terminal, to a program, and in full to a file."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reconciler.errors import visible
from reconciler.importing.found import Fate
from reconciler.importing.join import Joined
from reconciler.importing.proof import Finding
from reconciler.report import plural

_SHOWN = 100
"""Lines of one kind on a terminal."""


_LONGEST = 400
"""Characters of one text: names in the old files may have any length."""


def _line(word: str, text: str) -> str:
    return f"{word:<9} {_short(text)}"


def _short(text: str) -> str:
    """Fit for a terminal, whatever stands in the old files."""
    return visible(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…").replace("\n", " ")


def summary(joined: Joined, most: int = _SHOWN) -> Iterator[str]:
    """Counts, guesses, and everything that was not taken; `most` lines of a kind."""
    counts = joined.counts
    fates = Counter(line.fate for line in joined.lines)
    yield _line(
        "read",
        f"{len(joined.lines)} lines and statements: {fates[Fate.TAKEN]} taken, {fates[Fate.HATCH]} kept as raw text, "
        f"{fates[Fate.LEFT]} left",
    )
    yield _line(
        "made",
        f"{plural(counts['hosts'], 'host')} ({counts['joined']} with a MAC), {plural(counts['networks'], 'network')}, "
        f"{plural(counts['zones'], 'zone')}, {plural(counts['records'], 'further record')}",
    )
    yield from _some("guessed", list(joined.guesses), most)
    yield from _some("differs", list(joined.settled.differences), most)
    yield from _some("warning", [str(problem) for problem in joined.settled.warnings], most)
    for fate, word in ((Fate.HATCH, "raw"), (Fate.LEFT, "left")):
        found = [line for line in joined.lines if line.fate is fate]
        yield from _some(word, [f"{line.path}:{line.number}: {line.text} – {line.note}" for line in found], most)


def _some(word: str, texts: list[str], most: int) -> Iterator[str]:
    for text in texts[:most]:
        yield _line(word, text)
    if len(texts) > most:
        yield _line(word, f"… and {len(texts) - most} more; the report has them all")


def secrets(joined: Joined, folder: Path | None) -> Iterator[str]:
    """Where secrets are, or where they have to be put."""
    for secret in joined.secrets:
        if folder is not None:
            yield _line("secret", f"{folder / secret.name}: copy it to the nodes' /etc/reconciler/secrets/")
        else:
            source = f" ({secret.where})" if secret.where else ""
            yield _line("secret", f"put the value of {secret.name}{source} into /etc/reconciler/secrets/{secret.name}")


def findings(found: list[Finding]) -> Iterator[str]:
    """The outcome of a comparison."""
    for item in found:
        yield _line("same" if item.same else "differs", item.what)
        for text in item.details:
            yield f"{'':<9}   {_short(text)}"


def report(joined: Joined) -> str:
    """Every line of input and what became of it."""
    lines = [_short(f"{line.path}:{line.number}: {line.fate}: {line.text}  ({line.note})") for line in joined.lines]
    return "\n".join([*summary(joined, sys.maxsize), "", "Every line:", *lines, ""])


def document(joined: Joined, proof: list[Finding] | None) -> dict[str, Any]:
    """The same for a program."""
    return {
        "counts": dict(joined.counts),
        "guesses": list(joined.guesses),
        "differences": list(joined.settled.differences),
        "warnings": [str(problem) for problem in joined.settled.warnings],
        "lines": [line._asdict() for line in joined.lines],
        "secrets": [{"name": secret.name, "where": secret.where} for secret in joined.secrets],
        "files": sorted(joined.settled.files),
        "verify": None if proof is None else [item._asdict() for item in proof],
    }
