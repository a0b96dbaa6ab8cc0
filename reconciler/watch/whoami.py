"""Asking one source for the public address. What it answers is read by `reconciler.wan.answer`."""

from collections.abc import Callable, Collection, Mapping, Sequence

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from reconciler import tools
from reconciler.errors import Temporary
from reconciler.state.addresses import ServerAddress
from reconciler.state.wan import DnsQuestion, Family, WanSource
from reconciler.wan import answer
from reconciler.wan.found import Answer
from reconciler.wan.public import Address, Held, Refusal, of_interface
from reconciler.watch import web

TIMEOUT = 10.0
"""Seconds for a page or a program."""

_DNS_TIMEOUT = 3.0
"""Seconds for one server."""

Interfaces = Callable[[str], Sequence[Held]]
"""Gives the addresses of an interface."""


def ask(
    source: WanSource, interfaces: Interfaces, ours: Collection[Address], commands: Mapping[str, Sequence[str]]
) -> Answer:
    """Ask a source. Never raises for what it answers, or that it does not.

    ours: virtual IPs of the site. commands: programs by the names that the state may use.
    """
    try:
        return Answer(source.text, _ask(source, interfaces, ours, commands))
    except Temporary as error:
        return Answer(source.text, Refusal(str(error)))


def _ask(
    source: WanSource, interfaces: Interfaces, ours: Collection[Address], commands: Mapping[str, Sequence[str]]
) -> Address | Refusal:
    if source.interface is not None:
        return of_interface(source.interface, interfaces(source.interface), source.family, ours)
    if source.dns is not None:
        return answer.read_records(_question(source.dns, source.family), source.family)
    if source.web is not None:
        return answer.read(web.fetch(source.web, source.family, timeout=TIMEOUT), source.family)
    argv = commands.get(source.command or "")
    if argv is None:
        return Refusal(f"this node's node.yaml has no {source.command} under `commands:`")
    done = tools.run(list(argv), timeout=TIMEOUT)
    if done.code:
        return Refusal(f"it ended with exit code {done.code}")
    return answer.read(done.stdout_bytes, source.family)


def _question(question: DnsQuestion, family: Family) -> list[str]:
    """The data of the answer's records. Raises Temporary when no server answers."""
    rtype = question.type or ("A" if family is Family.IPV4 else "AAAA")
    failures = []
    for server in question.servers:
        if question.type == "TXT" and server.address.version != family.version:
            # The address that it sees is of the family by which it is asked.
            failures.append(f"{server} is not asked by {family}")
            continue
        try:
            return records(server, question.name, rtype)
        except Temporary as error:
            failures.append(str(error))
    raise Temporary("; ".join(failures))


def records(server: ServerAddress, name: str, rtype: str, *, recurse: bool = True) -> list[str]:
    """Data of all records that a server answers with for this name and type; none if there are none.

    TXT comes without quotes. Raises Temporary without an answer, or with an error.
    """
    query = dns.message.make_query(name, rtype)
    if not recurse:
        query.flags &= ~dns.flags.RD
    try:
        said, _ = dns.query.udp_with_fallback(query, str(server.address), timeout=_DNS_TIMEOUT, port=server.port)
    except dns.exception.Timeout:
        raise Temporary(f"{server} does not answer") from None
    except (OSError, dns.exception.DNSException, EOFError) as error:
        raise Temporary(f"{server}: {getattr(error, 'strerror', None) or type(error).__name__}") from None
    if said.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise Temporary(f"{server} answers {dns.rcode.to_text(said.rcode())}")
    wanted = dns.rdatatype.from_text(rtype)
    found = [rdata for rrset in said.answer if rrset.rdtype == wanted for rdata in rrset]
    if wanted == dns.rdatatype.TXT:
        return [b"".join(rdata.strings).decode("ascii", "replace") for rdata in found]
    return [rdata.to_text() for rdata in found]
