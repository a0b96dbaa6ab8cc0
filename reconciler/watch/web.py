"""Asking a web page for the address that it sees. The page is not trusted: bounded in size and time, no redirects."""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from reconciler import __version__
from reconciler.errors import Temporary
from reconciler.state.wan import Family
from reconciler.wan.answer import LIMIT

_SOCKETS = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}


def fetch(url: str, family: Family, *, timeout: float) -> bytes:
    """The first LIMIT + 1 octets of the answer, had by a connection of this family. Raises Temporary.

    timeout: seconds for all of it but the host's own look-up of the name. Certificates are verified, against those
    of the system or SSL_CERT_FILE; proxies of the environment are not used, as they would be seen in our place.
    """
    parts = urlsplit(url)
    try:
        with _connected(parts, family, timeout) as (connection, path):
            agent = {"Host": parts.netloc, "User-Agent": f"reconciler/{__version__}", "Accept": "text/plain"}
            connection.request("GET", path, headers={**agent, "Connection": "close"})
            answer = connection.getresponse()
            if 300 <= answer.status < 400:
                raise Temporary(f"it sends us elsewhere (HTTP {answer.status}); name the page itself")
            if answer.status != http.client.OK:
                raise Temporary(f"it answers with HTTP {answer.status}")
            return answer.read(LIMIT + 1)
    except ssl.SSLError as error:
        raise Temporary(f"no secure connection: {getattr(error, 'verify_message', '') or error.reason}") from None
    except http.client.HTTPException as error:
        raise Temporary(f"what it answers is no HTTP ({type(error).__name__})") from None
    except TimeoutError:
        raise Temporary(f"no answer within {timeout:.0f} s") from None
    except (OSError, ValueError) as error:
        raise Temporary(f"no answer: {getattr(error, 'strerror', None) or type(error).__name__}") from None


@contextlib.contextmanager
def _connected(parts: SplitResult, family: Family, timeout: float) -> Iterator[tuple[http.client.HTTPConnection, str]]:
    """A connection, and the path to ask for. At the end of `timeout` it is cut, however slowly it still drips."""
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    deadline = time.monotonic() + timeout
    plain = _connect(host, port, family, deadline)
    # TLS takes the socket object over; this one stays ours, and ends the connection of both.
    twin = plain.dup()
    late = threading.Event()
    timer = threading.Timer(max(deadline - time.monotonic(), 0.01), _cut, (twin, late))
    timer.daemon = True
    timer.start()
    try:
        with contextlib.closing(http.client.HTTPConnection(host, port)) as connection:
            connection.sock = plain
            if parts.scheme == "https":
                connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
            yield connection, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if late.is_set():
            raise TimeoutError
    except (OSError, http.client.HTTPException, ValueError):
        if late.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
        plain.close()
        twin.close()


def _connect(host: str, port: int, family: Family, deadline: float) -> socket.socket:
    """The first of the host's addresses of this family that takes a connection."""
    failure: OSError = OSError("the name has no address of this family")
    for kind, _, protocol, _, address in socket.getaddrinfo(host, port, _SOCKETS[family], socket.SOCK_STREAM):
        made = socket.socket(kind, socket.SOCK_STREAM, protocol)
        made.settimeout(max(deadline - time.monotonic(), 0.01))
        try:
            made.connect(address)
        except OSError as error:
            made.close()
            failure = error
            continue
        return made
    raise failure


def _cut(connection: socket.socket, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
