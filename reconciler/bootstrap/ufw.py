"""The firewall's rules as commands for ufw(8)."""

from reconciler.bootstrap.facts import Facts
from reconciler.bootstrap.firewall import Rule, rules
from reconciler.bootstrap.text import PROGRAM, NodeFile, commented, word


def files(facts: Facts) -> dict[str, NodeFile]:
    """`ufw.sh`: it may be run again; rules that are there already are skipped."""
    found = rules(facts)
    # Put before the others, so the last one first.
    before = [_command(rule) for rule in reversed(found) if rule.first]
    after = [_command(rule) for rule in found if not rule.first]
    about = (
        "What else comes in is up to ufw's default, which has to be `deny`; rules of an earlier run are not taken away."
    )
    lines = ["set -eu", "", *before, *after]
    return {"ufw.sh": NodeFile("#!/bin/sh\n" + commented(lines, about), PROGRAM)}


def _command(rule: Rule) -> str:
    words = ["ufw", *(["prepend"] if rule.first else []), "allow" if rule.allow else "deny"]
    if rule.interface is not None:
        words += ["in", "on", word(rule.interface)]
    words += ["proto", word(rule.protocol)]
    words += ["from", "any" if rule.source is None else word(rule.source)]
    words += ["to", "any" if rule.to is None else word(rule.to)]
    if rule.port:
        words += ["port", word(rule.port)]
    return " ".join((*words, "comment", f"'{_comment(rule.why)}'"))


def _comment(text: str) -> str:
    assert "'" not in text, "made of names, which have no quotes"
    return text
