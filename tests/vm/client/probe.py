"""Asks the virtual address over and over until told to stop: `probe.py SERVER RESULTS STOP NAME=ADDRESS...`.

RESULTS is a line of JSON for each change of what came: when, and each name's answer (null: none within 0.25 s).
"""

import json
import sys
import time
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype


def answer(server: str, name: str) -> str | None:
    try:
        found = dns.query.udp(dns.message.make_query(name, dns.rdatatype.A), server, timeout=0.25)
    except (dns.exception.DNSException, OSError):
        return None
    return " ".join(sorted(item.to_text() for rrset in found.answer for item in rrset)) or f"rcode {found.rcode()}"


def main(server: str, results: Path, stop: Path, expected: dict[str, str]) -> None:
    last = None
    with results.open("a") as file:
        while not stop.exists():
            began = time.time()
            answers = {name: answer(server, name) for name in expected}
            state = {"right": answers == expected, "answers": answers}
            if state != last:
                file.write(json.dumps({"at": time.time(), "began": began, **state}) + "\n")
                file.flush()
                last = state
            time.sleep(0.02)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), dict(word.split("=", 1) for word in sys.argv[4:]))
