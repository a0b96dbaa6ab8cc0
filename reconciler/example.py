"""Where the example state is: in the source tree, or installed with the package."""

from importlib import resources
from pathlib import Path

from reconciler.errors import ReconcilerError


def example_folder() -> Path:
    """The folder of the example state repository. Raises ReconcilerError where it was not installed."""
    folder = Path(str(resources.files("reconciler") / "state-repo-example"))
    if not folder.is_dir():
        raise ReconcilerError(f"the example state is not at {folder}; is the installation whole?")
    return folder
