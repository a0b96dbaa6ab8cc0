"""Pushes one change after another until told to stop: `pushes.py RESULTS STOP`.

Push N gives host www the further alias pushN. Each that git acknowledged is a line of JSON in RESULTS, synced to this
machine's disk: number, commit, and when (seconds of the clock). After a push that failed comes the next number, on top
of what the server has.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path("/root/network")
HOSTS = REPOSITORY / "hosts.yaml"
LIMIT = 120


def git(*words: str) -> subprocess.CompletedProcess[str]:
    argv = ["git", "-C", str(REPOSITORY), *words]
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL)


def push(number: int) -> str | None:
    """The commit, once git has acknowledged it."""
    if git("fetch", "-q", "origin").returncode == 0:
        git("reset", "-q", "--hard", "origin/main")
    text = HOSTS.read_text()
    aliases = re.findall(r"push\d+", text)
    changed = ", ".join([*aliases, f"push{number}"])
    HOSTS.write_text(re.sub(r"^www: .*", f"www: {{ipv4: 10.77.0.10, aliases: [{changed}]}}", text, flags=re.MULTILINE))
    git("commit", "-q", "-a", "-m", f"Push {number}")
    ended = git("push", *os.environ.get("PUSH_OPTIONS", "").split(), "origin", "HEAD:main")
    sys.stderr.write(f"{time.time():.3f} push {number}: {ended.returncode}\n{ended.stderr}")
    sys.stderr.flush()
    return git("rev-parse", "HEAD").stdout.strip() if ended.returncode == 0 else None


def main(results: Path, stop: Path) -> None:
    with results.open("a") as file:
        number = 0
        while not stop.exists():
            number += 1
            try:
                commit = push(number)
            except subprocess.TimeoutExpired as error:
                sys.stderr.write(f"{error}\n")
                continue
            if commit:
                file.write(json.dumps({"number": number, "commit": commit, "at": time.time()}) + "\n")
                file.flush()
                os.fsync(file.fileno())
            else:
                time.sleep(0.5)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
