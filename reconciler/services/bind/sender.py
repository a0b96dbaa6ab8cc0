"""Sending signed dynamic updates to named, and judging its answers.

Over TCP: most messages do not fit into a datagram, and one that is lost is not sent twice by mistake.
"""

import secrets
import socket
import struct
import time

import dns.exception
import dns.message
import dns.rcode
import dns.tsig

from reconciler.errors import ApplyFailed
from reconciler.services.bind import message
from reconciler.services.bind.message import Part
from reconciler.services.bind.render import TsigKey

_TIMEOUT = 10.0
_LENGTH = struct.Struct("!H")


class Lost(Exception):
    """No answer came; the update may have been taken or not."""


class Sender:
    """Sends updates with one key, over one connection. It is made when it is needed, and again when it broke."""

    def __init__(self, address: str, port: int, key: TsigKey) -> None:
        self._place = (address, port)
        self._key = message.tsig_key(key)
        self._socket: socket.socket | None = None

    def send(self, zone: str, part: Part, *, now: bytes, ttl: int, following: bytes) -> dns.rcode.Rcode:
        """Send one message (see `message.unsigned`) and wait for the answer.

        Raises Lost, and ApplyFailed where the two sides do not understand each other's signatures.
        """
        ident = secrets.randbelow(65536)
        unsigned = message.unsigned(zone, part, now, ttl, following, ident)
        signed = message.signed(unsigned, self._key, int(time.time()))
        try:
            received = self._exchange(signed.wire)
        except OSError as error:
            self.close()
            raise Lost(f"{self._place[0]}:{self._place[1]}: {error.strerror or error}") from error
        return self._judge(zone, ident, received, signed.mac)

    def close(self) -> None:
        """Give the connection back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, wire: bytes) -> bytes:
        if self._socket is None:
            self._socket = socket.create_connection(self._place, _TIMEOUT)
        self._socket.sendall(_LENGTH.pack(len(wire)) + wire)
        return self._read(*_LENGTH.unpack(self._read(_LENGTH.size)))

    def _read(self, size: int) -> bytes:
        assert self._socket is not None
        content = b""
        while len(content) < size:
            received = self._socket.recv(size - len(content))
            if not received:
                raise ConnectionResetError("named closed the connection")
            content += received
        return content

    def _judge(self, zone: str, ident: int, received: bytes, mac: bytes) -> dns.rcode.Rcode:
        try:
            answer = dns.message.from_wire(received, keyring=self._key, request_mac=mac)
        except (dns.tsig.PeerError, dns.tsig.BadTime) as error:
            raise ApplyFailed(f"zone {zone}: named did not take our signature: {self._cause(error)}") from error
        except dns.exception.DNSException as error:
            raise ApplyFailed(
                f"zone {zone}: the answer to an update is not one from named: {type(error).__name__}: {error}"
            ) from error
        if answer.id != ident:
            raise ApplyFailed(f"zone {zone}: the answer to an update is not one from named: it belongs to another")
        return answer.rcode()

    def _cause(self, error: dns.exception.DNSException) -> str:
        name = self._key.name.to_text(omit_final_dot=True)
        if isinstance(error, dns.tsig.PeerBadTime | dns.tsig.BadTime):
            return f"BADTIME, its clock and the reconciler's differ by more than {message.FUDGE} s; set the clock"
        if isinstance(error, dns.tsig.PeerBadKey):
            return f"BADKEY, it does not know key {name!r}; is our part in its configuration, as it is on disk?"
        if isinstance(error, dns.tsig.PeerBadSignature):
            return f"BADSIG, its key {name!r} has another secret; `rndc reconfig` makes it read keys.conf again"
        return str(error)
