"""What is told of the public address, as lines."""

import time
from collections.abc import Iterator
from typing import Any


def wan_lines(document: dict[str, Any] | None, *, everything: bool = False) -> Iterator[str]:
    """Lines for a person from the status document's part. everything: what each source said, too."""
    if document is None:
        return
    for item in document["addresses"]:
        if item["address"]:
            yield f"address   {item['address']} since {_at(item['since'])}, said by {', '.join(item['by'])}"
        else:
            yield f"address   no {item['family']} address is known"
        if item["problem"]:
            yield f"{'waiting' if item['address'] else 'failed':<9} {item['family']} address: {item['problem']}"
        for answer in item["answers"] if everything else ():
            yield f"          {answer['source']}: {answer['address'] or answer['problem']}"
    for item in document["publications"]:
        yield from _publication(item)


def _publication(item: dict[str, Any]) -> Iterator[str]:
    names = ", ".join(item["names"])
    sent, confirmed = item["sent"], item["confirmed"]
    if confirmed:
        yield f"published {names} {confirmed['address']}, seen in public DNS {_at(confirmed['at'])}"
    else:
        yield f"published {names}: not seen in public DNS yet"
    if sent:
        yield f"          sent {sent['address']} by {item['protocol']} {_at(sent['at'])}: {sent['result']}"
    if item["state"] != "published":
        yield f"{'failed' if item['stuck'] else 'waiting':<9} {item['domain']} {item['family']}: {item['state']}"


def _at(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
