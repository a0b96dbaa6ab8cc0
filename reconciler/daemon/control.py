"""The control socket: hooks and commands ask, the loop answers."""

import contextlib
import json
import logging
import os
import socket
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from reconciler.daemon.protocol import ProtocolError, Request, encode_end, encode_line, read_request
from reconciler.errors import ConfigError, ReconcilerError

log = logging.getLogger(__name__)

_NAP = 60.0
"""Seconds after which the listening thread looks up without being asked anything."""

Answer = Callable[[Request, Callable[[str], None]], int]
"""Takes a request and a way to show lines; returns an exit code."""


class ControlServer:
    """Listens on a socket that only its owner and root can open; one thread a connection."""

    def __init__(self, path: Path, verbs: dict[str, Answer]) -> None:
        self._path = path
        self._server = _listen(path, verbs)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_NAP,), daemon=True, name="control")

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and remove the socket."""
        # Ends the nap: a socket that is shut down is ready for ever.
        self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with contextlib.suppress(OSError):
            self._path.unlink()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, path: str, verbs: dict[str, Answer]) -> None:
        self.verbs = verbs
        super().__init__(path, _Handler)


class _Handler(socketserver.StreamRequestHandler):
    timeout = 300.0
    gone = False

    def handle(self) -> None:
        verbs = cast(_Server, self.server).verbs
        try:
            request = read_request(cast(BinaryIO, self.rfile))
            answer = verbs.get(request.verb)
            if answer is None:
                raise ProtocolError(f"unknown verb {json.dumps(request.verb)}; is the daemon of an older release?")
            code = answer(request, self._show)
        except ReconcilerError as error:
            self._show(str(error))
            code = 1
        except (ConnectionError, TimeoutError):
            return
        except Exception:
            log.exception("a request could not be answered")
            self._show("the daemon met an error of its own, see its log")
            code = 1
        with contextlib.suppress(OSError):
            self.wfile.write(encode_end(code))

    def _show(self, text: str) -> None:
        # Whoever asked may have gone (Ctrl-C in a push) or read no more; what was asked for goes on.
        if not self.gone:
            try:
                self.wfile.write(encode_line(text))
            except OSError:
                self.gone = True


def _listen(path: Path, verbs: dict[str, Answer]) -> _Server:
    if path.exists():
        if not path.is_socket():
            raise ConfigError(f"{path} is no socket; set `control:` to a path of its own")
        if _alive(path):
            raise ConfigError(f"a daemon already answers at {path}; two on one node would work against each other")
        path.unlink()
    mask = os.umask(0o177)
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        return _Server(str(path), verbs)
    except OSError as error:
        raise ConfigError(f"cannot listen at {path}: {error.strerror or error}") from error
    finally:
        os.umask(mask)


def _alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True
