"""named as each of its views shows it: what is asked, and signed, with that view's key."""

from collections.abc import Callable

from reconciler.services.bind.keys import view_key
from reconciler.services.bind.query import Server
from reconciler.services.bind.render import TsigKey


class Servers:
    """One named at an address and port. own: reads the node's own key; raises Refused. One thread only."""

    def __init__(self, address: str, port: int, own: Callable[[], TsigKey]) -> None:
        self._place = (address, port)
        self._own = own
        self._servers = {"": Server(address, port)}

    def at(self, view: str) -> Server:
        """named, asked in a view, or (for "") as whoever asks without a key."""
        server = self._servers.get(view)
        if not view and server is not None:
            return server
        key = self.key(view)
        if server is None or server.key != key:
            if server is not None:
                server.close()
            server = self._servers[view] = Server(*self._place, key)
        return server

    def key(self, view: str) -> TsigKey:
        """The node's key for a view."""
        return view_key(self._own(), view)
