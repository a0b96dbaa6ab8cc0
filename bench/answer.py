"""Waiting for a server's right answer, in a thread of its own that asks every millisecond."""

import contextlib
import socket
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import dns.exception
import dns.message
import dns.rdatatype

_PAUSE = 0.001
_PATIENCE = 30.0


class Question(NamedTuple):
    """What to ask, and the data that the right answer has."""

    owner: str
    rtype: str
    expected: str


class Poller:
    """Asks a server on loopback until every question is answered as expected.

    when: the time of the right answer to the last of them, by time.perf_counter(); None before it came.
    """

    def __init__(self, port: int, questions: Sequence[Question]) -> None:
        self.when: float | None = None
        self._port = port
        self._questions = questions
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def wait(self) -> float:
        """When the right answer had come. Raises TimeoutError."""
        self._thread.join()
        if self.when is None:
            raise TimeoutError(f"port {self._port} did not answer {self._questions} as expected in {_PATIENCE} s")
        return self.when

    def _poll(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
            connection.connect(("127.0.0.1", self._port))
            connection.settimeout(0.5)
            for question in self._questions:
                wire = dns.message.make_query(question.owner, question.rtype).to_wire()
                while not _right(connection, wire, question):
                    if time.monotonic() > deadline:
                        return
                    time.sleep(_PAUSE)
            self.when = time.perf_counter()


def _right(connection: socket.socket, wire: bytes, question: Question) -> bool:
    with contextlib.suppress(OSError, dns.exception.DNSException):
        connection.send(wire)
        answer = dns.message.from_wire(connection.recv(65535))
        wanted = dns.rdatatype.from_text(question.rtype)
        return any(
            datum.to_text() == question.expected for rrset in answer.answer if rrset.rdtype == wanted for datum in rrset
        )
    return False
