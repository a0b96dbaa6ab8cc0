"""A bounded memory of file contents by blob id, so that a push reads only what it changed."""

from collections import OrderedDict
from threading import Lock

LIMIT = 64 * 1024 * 1024
"""Bytes of content kept."""


class BlobCache:
    """Least recently used contents go first. Safe to share between threads.

    An id names its content (git computes it on arrival), so an entry is never stale, not even one from a
    refused push.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._size = 0
        self._contents: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, blob: str) -> bytes | None:
        """The content of a blob id, if it is remembered."""
        with self._lock:
            content = self._contents.get(blob)
            if content is not None:
                self._contents.move_to_end(blob)
            return content

    def put(self, blob: str, content: bytes) -> None:
        """Remember a content; one larger than the limit is not kept."""
        with self._lock:
            if blob in self._contents or len(content) > self._limit:
                return
            self._contents[blob] = content
            self._size += len(content)
            while self._size > self._limit:
                _, dropped = self._contents.popitem(last=False)
                self._size -= len(dropped)
