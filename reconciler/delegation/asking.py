"""Putting questions to name servers, within a time for all of them. Looks only."""

import errno
import time
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver

from reconciler.delegation.finding import Limits
from reconciler.services.bind.query import rrset_in
from reconciler.state.addresses import ServerAddress

_TRIES = 2
_NO_WAY = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class Silent(Exception):
    """No answer came; its text says how. ours: for a reason of this node, no route or no time, not of the server's."""

    def __init__(self, words: str, *, ours: bool = False) -> None:
        super().__init__(words)
        self.ours = ours


class Failed(Silent):
    """Resolvers answered, but with an error."""


class Asker:
    """Asks until its time is over; threads may share it. late: something was not asked for that reason."""

    def __init__(self, limits: Limits, resolvers: Sequence[ServerAddress]) -> None:
        self._query = limits.query
        self._end = time.monotonic() + limits.total
        self.resolvers = tuple(resolvers) or tuple(system_resolvers())
        self.late = False

    def ask(
        self, server: ServerAddress, name: str, rtype: str, *, tcp: bool = False, recurse: bool = False
    ) -> dns.message.Message:
        """One question, by TCP too where the answer by UDP is cut. Raises Silent."""
        query = dns.message.make_query(name, rtype, use_edns=0, payload=1232)
        if not recurse:
            query.flags &= ~dns.flags.RD
        for _ in range(1 if tcp else _TRIES):
            try:
                return self._exchange(query, server, tcp=tcp)
            except dns.exception.Timeout:
                if time.monotonic() >= self._end:
                    raise self._over() from None
            except OSError as error:
                raise Silent(error.strerror or str(error), ours=error.errno in _NO_WAY) from None
            except (dns.exception.DNSException, EOFError) as error:
                raise Silent(f"no sound answer ({type(error).__name__})") from None
        raise Silent("no answer")

    def _exchange(self, query: dns.message.Message, server: ServerAddress, *, tcp: bool) -> dns.message.Message:
        timeout = min(self._query, self._end - time.monotonic())
        if timeout <= 0:
            raise self._over()
        address = str(server.address)
        if tcp:
            return dns.query.tcp(query, address, timeout, server.port)
        answer, _ = dns.query.udp_with_fallback(query, address, timeout, server.port, ignore_unexpected=True)
        return answer

    def _over(self) -> Silent:
        self.late = True
        return Silent("the time for all questions was over", ours=True)

    def resolve(self, name: str, rtype: str) -> tuple[str, ...]:
        """Data of the RRset by the first resolver that answers; () where there is none. Raises Silent, or Failed."""
        said = []
        failed = False
        for resolver in self.resolvers:
            try:
                answer = self.ask(resolver, name, rtype, recurse=True)
            except Silent as error:
                said.append(f"{resolver}: {error}")
                continue
            if answer.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                found = rrset_in(answer.answer, name, rtype)
                return found.rdatas if found else ()
            failed = True
            said.append(f"{resolver}: {dns.rcode.to_text(answer.rcode())}")
        if failed:
            raise Failed("; ".join(said))
        raise Silent("; ".join(said) or "/etc/resolv.conf names none")

    def addresses(self, name: str) -> list[ServerAddress]:
        """Where a name server is, by the resolver. Raises Silent."""
        return servers_at(address for rtype in ("A", "AAAA") for address in self.resolve(name, rtype))


def servers_at(addresses: Iterable[str]) -> list[ServerAddress]:
    """Name servers at these addresses."""
    return [ServerAddress(ip_address(address)) for address in addresses]


def system_resolvers() -> Iterator[ServerAddress]:
    """What /etc/resolv.conf names."""
    try:
        found = dns.resolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        return
    for text in found.nameservers:
        if isinstance(text, str):
            yield ServerAddress(ip_address(text.partition("%")[0]), found.port)
