"""A bounded memory of git objects, so that a push reads only what it changed."""

from collections import OrderedDict
from threading import Lock

LIMIT = 64 * 1024 * 1024
"""Bytes of content kept."""


class ObjectCache:
    """Contents by kind ("blob", "tree", "commit") and id; least recently used ones go first. Threads may share it.

    An id names its content (git computes it on arrival), so an entry is never stale, not even one from a
    refused push. That it is remembered does not say that the repository has it.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._size = 0
        self._contents: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, kind: str, object_id: str) -> bytes | None:
        """The content of an object, if it is remembered."""
        with self._lock:
            content = self._contents.get((kind, object_id))
            if content is not None:
                self._contents.move_to_end((kind, object_id))
            return content

    def put(self, kind: str, object_id: str, content: bytes) -> None:
        """Remember a content; one larger than the limit is not kept."""
        with self._lock:
            if (kind, object_id) in self._contents or len(content) > self._limit:
                return
            self._contents[kind, object_id] = content
            self._size += len(content)
            while self._size > self._limit:
                _, dropped = self._contents.popitem(last=False)
                self._size -= len(dropped)
