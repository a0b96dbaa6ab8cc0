"""Texts for a person."""

from reconciler import report
from reconciler.evaluate import Evaluation
from reconciler.state.problem import Position, Problem, Severity


def problem(line: int, severity: Severity = Severity.ERROR) -> Problem:
    return Problem(Position("hosts.yaml", line, 1), "odd", "mend it", severity)


def test_errors_stand_before_warnings_and_are_counted() -> None:
    lines = report.check(Evaluation("c", (problem(1, Severity.WARNING), problem(2), problem(3))))
    assert lines == [
        "hosts.yaml:2:1: odd; mend it",
        "hosts.yaml:3:1: odd; mend it",
        "hosts.yaml:1:1: warning: odd; mend it",
        "check     2 mistakes found",
    ]


def test_a_flood_of_mistakes_is_cut_and_still_counted() -> None:
    lines = report.check(Evaluation("c", tuple(problem(number) for number in range(1, 5001))))
    assert len(lines) == 202
    assert lines[-2:] == ["… and 4800 more", "check     5000 mistakes found"]


def test_words_stand_in_a_column() -> None:
    assert report.line("plan", "x") == "plan      x"
    assert report.line("unchanged", "x") == "unchanged x"
