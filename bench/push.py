"""From the start of `git push` to the first right answer from named, for three ways of getting there."""

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.answer import Poller, Question
from bench.contenders import Contender, Dzonegit, Floor, Reconciler
from bench.site import Inventory
from bench.table import ms, percentile, show
from reconciler.errors import ReconcilerError

RUNS = 30

_CHANGES: dict[str, Callable[[Inventory, int], list[Question]]] = {
    "one record of one host, one zone": Inventory.rename_alias,
    "one host's address, A and PTR, two zones": Inventory.move_host,
}


def measure(folder: Path) -> None:
    """Print a table for each kind of change."""
    contenders: list[Contender] = []
    try:
        contenders += [Reconciler(folder / "reconciler"), Floor(folder / "floor")]
        try:
            contenders.append(Dzonegit(folder / "dzonegit"))
        except ReconcilerError as error:
            print(error)
        for title, change in _CHANGES.items():
            _show(title, contenders, _interleaved(contenders, change))
    finally:
        for contender in contenders:
            contender.stop()


def timed(contender: Contender, questions: Sequence[Question]) -> tuple[float, float]:
    """Seconds from the start of a push to the right answer, and to its end."""
    contender.prepare()
    poller = Poller(contender.port, questions)
    poller.start()
    pushed = contender.deploy()
    return poller.wait() - pushed.began, pushed.ended - pushed.began


def _interleaved(
    contenders: Sequence[Contender], change: Callable[[Inventory, int], list[Question]]
) -> dict[str, list[tuple[float, float]]]:
    results: dict[str, list[tuple[float, float]]] = {contender.name: [] for contender in contenders}
    for number in range(-1, RUNS):
        # The order moves on, so that nobody is always first.
        shift = number % len(contenders)
        for contender in (*contenders[shift:], *contenders[:shift]):
            result = timed(contender, change(contender.inventory, number + 1))
            if number >= 0:
                results[contender.name].append(result)
    return results


def _show(title: str, contenders: Sequence[Contender], results: dict[str, list[tuple[float, float]]]) -> None:
    answers = {name: [answer for answer, _ in found] for name, found in results.items()}
    ours = percentile(answers[contenders[0].name], 0.5)
    rows = []
    for name, times in answers.items():
        middle = percentile(times, 0.5)
        ended = percentile([end for _, end in results[name]], 0.5)
        ratio = "" if name == contenders[0].name else f"{ours / middle:.2f}"
        rows.append([name, ms(middle), ms(percentile(times, 0.95)), ms(ended), ratio])
    head = [f"{title}, {RUNS} runs", "p50 ms", "p95 ms", "push ends, p50 ms", "reconciler / this"]
    show("push → right answer from named (aim: 2 × floor, 0.5 × dzonegit at most)", head, rows)
