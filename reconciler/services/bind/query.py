"""Asking named over DNS, through dnspython: SOA serials and RRsets. Looks only, never changes."""

import socket
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig

from reconciler.dns import rdata
from reconciler.dns.records import RRset
from reconciler.dns.versions import name_of
from reconciler.services.bind.render import TsigKey

TIMEOUT = 2.0
_TRIES = 2


class Presence(StrEnum):
    """Whether a server serves a zone."""

    SERVED = "served"
    BROKEN = "broken"
    ABSENT = "absent"
    DOWN = "down"


class Live(NamedTuple):
    """What a server says of a zone. serial: 0 unless it is served. words: the answer in short, for a person.

    soa: the data of its SOA record, "" unless it is served.
    """

    presence: Presence
    serial: int
    words: str
    soa: str = ""


class Unreachable(Exception):
    """No answer came."""


class Server:
    """One DNS server, asked without recursion. A socket is kept between questions; one thread only.

    key: signs the questions, which puts them into the view that knows it.
    """

    def __init__(self, address: str, port: int, key: TsigKey | None = None) -> None:
        self.address = address
        self.port = port
        self.key = key
        self._socket: socket.socket | None = None

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"

    def alive(self, *, timeout: float = TIMEOUT) -> bool:
        """Whether it answers anything at all."""
        try:
            self.ask(".", "SOA", timeout=timeout)
        except Unreachable:
            return False
        return True

    def ask(self, name: str, rtype: str, *, timeout: float = TIMEOUT) -> dns.message.Message:
        """One question by UDP, by TCP when the answer is cut. Raises Unreachable."""
        query = dns.message.make_query(name, rtype, use_edns=0, payload=1232)
        query.flags &= ~dns.flags.RD
        if self.key is not None:
            query.use_tsig(dns.tsig.Key(self.key.name, self.key.secret, self.key.algorithm))
        wire = query.to_wire()
        for _ in range(_TRIES):
            try:
                answer = self._exchange(query, wire, timeout)
            except TimeoutError:
                continue
            except OSError as error:
                self.close()
                raise Unreachable(f"{self}: {error.strerror or error}") from error
            if answer.flags & dns.flags.TC:
                return self._ask_by_tcp(query, timeout)
            return answer
        raise Unreachable(f"{self}: no answer within {_TRIES * timeout:.0f} s")

    def live(self, zone: str) -> Live:
        """Whether it serves a zone, by its id, and with which serial."""
        zone = name_of(zone)
        try:
            answer = self.ask(zone, "SOA")
        except Unreachable as error:
            return Live(Presence.DOWN, 0, str(error))
        soa = rrset_in(answer.answer, zone, "SOA")
        if soa is not None and answer.flags & dns.flags.AA:
            serial = int(soa.rdatas[0].split()[2])
            return Live(Presence.SERVED, serial, f"serial {serial}", soa.rdatas[0])
        words = dns.rcode.to_text(answer.rcode())
        presence = Presence.BROKEN if answer.rcode() == dns.rcode.SERVFAIL else Presence.ABSENT
        return Live(presence, 0, words)

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, query: dns.message.Message, wire: bytes, timeout: float) -> dns.message.Message:
        """Send and wait. The socket is connected, so that a closed port is told at once, by ICMP."""
        if self._socket is None:
            family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
            self._socket.connect((self.address, self.port))
        self._socket.send(wire)
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            received = self._socket.recv(65535)
            try:
                answer = dns.message.from_wire(
                    received, keyring=query.keyring, request_mac=query.mac, ignore_trailing=True
                )
                if query.is_response(answer):
                    return answer
            except dns.tsig.PeerError:
                # The view is not there, or its key is another one.
                answer = dns.message.make_response(query)
                answer.set_rcode(dns.rcode.NOTAUTH)
                return answer
            except dns.exception.DNSException:
                continue
        raise TimeoutError

    def _ask_by_tcp(self, query: dns.message.Message, timeout: float) -> dns.message.Message:
        try:
            return dns.query.tcp(query, self.address, timeout, self.port)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise Unreachable(f"{self} by TCP: {type(error).__name__}: {error}") from error


def readable(rtype: str) -> bool:
    """Whether dnspython can read this type from the wire; the data of others would be in generic form."""
    implementation = dns.rdata.get_rdata_class(dns.rdataclass.IN, dns.rdatatype.from_text(rtype))  # type: ignore[no-untyped-call]
    return implementation is not dns.rdata.GenericRdata


def rrset_in(section: Iterable[dns.rrset.RRset], owner: str, rtype: str) -> RRset | None:
    """The RRset of `owner` and `rtype` in a section of an answer, in canonical text; None when it is not there."""
    wanted = dns.rdatatype.from_text(rtype)
    for found in section:
        if found.rdtype == wanted and found.name.to_text().lower() == owner:
            rdatas = sorted(_text(datum)[1] for datum in found)
            return RRset(owner, found.ttl, rtype, tuple(rdatas))
    return None


def _text(datum: dns.rdata.Rdata) -> tuple[str, str]:
    rtype = dns.rdatatype.to_text(datum.rdtype)
    return rtype, rdata.canonical(rtype, datum.to_text(), ".")
