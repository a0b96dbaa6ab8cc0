"""Asks for everything in a file of JSON, {"NAME TYPE": "ANSWER"...}: `answers.py SERVER FILE`.

Prints what was not answered as expected.
"""

import json
import sys
from pathlib import Path

import dns.exception
import dns.message
import dns.query

TRIES = 4


def ask(server: str, question: str) -> str:
    name, kind = question.split(" ")
    problem = ""
    for _ in range(TRIES):
        try:
            found = dns.query.udp(dns.message.make_query(name, kind), server, timeout=2)
        except (dns.exception.DNSException, OSError) as error:
            problem = f"no answer ({error})"
            continue
        return " ".join(sorted(item.to_text() for rrset in found.answer for item in rrset)) or f"rcode {found.rcode()}"
    return problem


def main(server: str, expected: dict[str, str]) -> int:
    wrong = 0
    for question, right in expected.items():
        got = ask(server, question)
        if right not in got.split(" "):
            wrong += 1
            sys.stdout.write(f"{question}: {got}, not {right}\n")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text())))
