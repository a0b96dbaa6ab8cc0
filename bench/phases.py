"""Where the time of a push goes, inside the daemon and outside."""

from collections import defaultdict
from pathlib import Path

from bench.answer import Poller
from bench.contenders import Reconciler
from bench.spans import Span, TracedSite
from bench.table import ms, percentile, show

RUNS = 20


def measure(folder: Path) -> None:
    """Print the steps of a push in order, with when they begin after its start and how long they take."""
    contender = Reconciler(folder / "reconciler", node=TracedSite)
    starts: dict[str, list[float]] = defaultdict(list)
    lengths: dict[str, list[float]] = defaultdict(list)
    try:
        assert isinstance(contender.node, TracedSite)
        contender.node.spans()
        for number in range(RUNS):
            questions = contender.inventory.rename_alias(number)
            contender.prepare()
            poller = Poller(contender.port, questions)
            poller.start()
            pushed = contender.deploy()
            found = [*contender.node.spans(), Span("right answer", poller.wait(), 0.0, 0)]
            found.append(Span("push ended", pushed.ended, 0.0, 0))
            seen: dict[str, int] = defaultdict(int)
            for span in sorted(found, key=lambda span: (span.began, span.depth)):
                seen[span.label] += 1
                label = "  " * span.depth + span.label + (f" ({seen[span.label]})" if seen[span.label] > 1 else "")
                starts[label].append(span.began - pushed.began)
                lengths[label].append(span.seconds)
    finally:
        contender.stop()
    always = [label for label, found in starts.items() if len(found) == RUNS]
    ordered = sorted(always, key=lambda label: percentile(starts[label], 0.5))
    rows = [[label, ms(percentile(starts[label], 0.5)), ms(percentile(lengths[label], 0.5))] for label in ordered]
    show(f"a push that changes one zone, step by step (p50 of {RUNS})", ["", "begins, ms", "takes, ms"], rows)
