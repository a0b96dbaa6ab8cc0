"""How long each part of a failover took, from heartbeat's words in the journal of the node that took over."""

import re
from dataclasses import dataclass

from vm.machine import Machine

RUNNING = re.compile(r"ResourceManager\S* info: Running /\S*/resource\.d/(\S+)(.*) (start|stop)")


@dataclass(frozen=True)
class Moment:
    """A line of the journal, in seconds of the clock."""

    at: float
    text: str


def journal(node: Machine, since: float) -> list[Moment]:
    made = []
    for line in node.run(f"journalctl --no-pager --output=short-unix --since=@{int(since)}").splitlines():
        stamp, _, text = line.partition(" ")
        if re.fullmatch(r"\d+\.\d+", stamp) and float(stamp) >= since:
            made.append(Moment(float(stamp), text))
    return made


def parts(new: Machine, began: float, right: float, *, first: str, old: Machine | None = None) -> dict[str, float]:
    """Seconds of each part, from when it began to the first right answer, with what heartbeat itself needs for each.

    `first` names what comes before the first resource; `old` is the node that gives them up, where there is one. What
    comes after the first right answer is left out.
    """
    begins = [(began, first)]
    for node, verb in ((old, "stop"), (new, "start")):
        for line in journal(node, began) if node else []:
            if (match := RUNNING.search(line.text)) and match[3] == verb and line.at < right:
                begins.append((line.at, " ".join([*f"{match[1]}{match[2]}".split()[:2], verb])))
    ends = [at for at, _ in begins[1:]] + [right]
    return {name: end - at for (at, name), end in zip(begins, ends, strict=True)} | {"all": right - began}
