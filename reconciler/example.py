"""Where the example states are: in the source tree, or installed with the package."""

from importlib import resources
from pathlib import Path

from reconciler.errors import ReconcilerError

EXAMPLES = ("office", "home", "home-views", "small-subnet")
"""Names of their folders."""


def example_folder(name: str) -> Path:
    """The folder of one example state repository. Raises ReconcilerError where it was not installed."""
    folder = Path(str(resources.files("reconciler") / "state-repo-example" / name))
    if not folder.is_dir():
        raise ReconcilerError(f"the example state is not at {folder}; is the installation whole?")
    return folder
