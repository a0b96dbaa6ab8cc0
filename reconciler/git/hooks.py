"""The git hooks that come with this package, as they are to be installed in a repository."""

import sys
from importlib import resources
from pathlib import Path

_SYSTEM_PYTHON = Path("/usr/bin/python3")


def contents() -> dict[str, bytes]:
    """Hook name to content of an executable file.

    The source tree keeps them in hooks/, which `reconciler/hooks` links to, so that they are installed with
    the package.
    """
    folder = resources.files("reconciler") / "hooks"
    client = _with_interpreter((folder / "client.py").read_bytes())
    return {
        "pre-receive": client,
        "post-receive": client,
        "reference-transaction": (folder / "reference-transaction").read_bytes(),
    }


def _with_interpreter(script: bytes) -> bytes:
    """Name the system's Python, which starts faster than a venv's; where there is none, the one running."""
    if _SYSTEM_PYTHON.exists():
        return script
    interpreter = Path(sys.executable).resolve()
    _, _, rest = script.partition(b"\n")
    return f"#!{interpreter} -IS\n".encode() + rest
