"""Many events, one wake."""


class Coalesce:
    """Tells when to wake after a burst: once it has been quiet, or long enough after the burst began.

    Times are seconds of one monotonic clock, given by the caller.
    """

    def __init__(self, quiet: float, latest: float) -> None:
        self._quiet = quiet
        self._latest = latest
        self._first: float | None = None
        self._due = 0.0

    def note(self, now: float) -> None:
        """Something happened."""
        if self._first is None:
            self._first = now
        self._due = min(now + self._quiet, self._first + self._latest)

    def remaining(self, now: float) -> float | None:
        """Seconds until a wake is due; None when nothing happened."""
        return None if self._first is None else max(self._due - now, 0.0)

    def take(self, now: float) -> bool:
        """Whether a wake is due; it counts as made."""
        if self._first is None or now < self._due:
            return False
        self._first = None
        return True
