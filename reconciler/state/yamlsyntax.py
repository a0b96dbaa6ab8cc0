"""Says in a sentence what libyaml's messages about broken syntax mean, and what to do."""

import re

import yaml

from reconciler.state.problem import Position, Problem

_LEADING_COLONS = re.compile(r"::[0-9A-Fa-f:.]*")
_COLON_AT_END = re.compile(r"[^\s\[{,\"']*::")


def explained(path: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    """The problem that a syntax error of the file with this text amounts to."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Problem(Position(path), f"not valid YAML: {error}")
    lines = text.split("\n")
    line = lines[mark.line] if mark.line < len(lines) else ""
    what, fix, use_context = _sentence(error.problem or "", line, mark.column)
    if (use_context or mark.line >= len(lines)) and error.context_mark is not None:
        mark = error.context_mark
    last = min(mark.line, len(lines) - 1)
    return Problem(Position(path, last + 1, mark.column + 1), f"not valid YAML: {what}", fix)


def _sentence(problem: str, line: str, column: int) -> tuple[str, str, bool]:
    """Sentence, advice, and whether the place where the construct began tells more."""
    character = line[column : column + 1]
    if character == ":" and ("mapping values" in problem or "unexpected ':'" in problem):
        head = line[: column + 1]
        word = re.split(r"[\s\[{,]", head)[-1]
        fix = f'quote it: "{word}"' if _COLON_AT_END.fullmatch(word) else "quote the value, or check the indentation"
        return "a colon stands where a value goes on", fix, False
    address = _LEADING_COLONS.match(line, column)
    if address and "node content" in problem:
        return "a value cannot start with a colon inside brackets", f'quote it: "{address[0]}"', False
    if "cannot start any token" in problem:
        if character == "\t":
            return "a tab indents this line", "use spaces", False
        return f"a value cannot start with {character!r}", "quote it", False
    if "alias" in problem or "alphabetic or numeric" in problem:
        return "a value cannot start with a bare * or &", "quote it", False
    if "tab character" in problem:
        return "a tab indents this line", "use spaces", False
    if "expected ',' or" in problem:
        closing = problem[-2:-1]
        return (
            f"what opens here is not closed by {closing!r}",
            f"close it, or add the missing comma or {closing}",
            True,
        )
    if "end of stream" in problem:
        return "the quote that opens here is not closed", "close it", True
    if "could not find expected ':'" in problem:
        return "a key without a colon", "write `key: value`", True
    if "expected key" in problem or "expected '-' indicator" in problem:
        return "this line does not continue what stands above", "check its indentation", False
    if "expected <document start>" in problem:
        return (
            "this line does not continue what stands above",
            "check its indentation, and the colon before",
            False,
        )
    return problem, "", False
