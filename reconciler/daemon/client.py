"""Asking the daemon from a command."""

import socket
from collections.abc import Callable
from pathlib import Path

from reconciler.daemon.protocol import ProtocolError, Request
from reconciler.errors import Temporary


class NoDaemon(Temporary):
    """Nobody listens at the control socket."""


def ask(path: Path, request: Request, show: Callable[[str], None], *, timeout: float = 150.0) -> int:
    """Send `request`, hand every line of the response to `show`, return the exit code.

    Raises NoDaemon when none runs, Temporary when it may not be asked or does not answer, ProtocolError when it breaks
    off in the middle.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
        except PermissionError as error:
            raise Temporary(f"only root and the daemon's own user may ask the daemon at {path}; use sudo") from error
        except OSError as error:
            raise NoDaemon(
                f"no daemon answers at {path} ({error.strerror or error}); `systemctl status reconciler` tells why, "
                "`--config` names another node.yaml"
            ) from error
        try:
            connection.sendall(request.encode())
            with connection.makefile("rb") as stream:
                for raw in stream:
                    text = raw.rstrip(b"\n").decode("utf-8", "replace")
                    if text.startswith("="):
                        return int(text[1:])
                    show(text[1:])
        except TimeoutError as error:
            raise Temporary(f"the daemon gave no answer for {timeout:.0f} s; its log tells what it is doing") from error
        except OSError as error:
            raise ProtocolError(f"the connection to the daemon broke: {error.strerror or error}") from error
    raise ProtocolError("the daemon ended in the middle of its answer; what was asked may or may not be done")
