"""The forced command for ssh keys: what it lets through, and that nothing hostile gets further."""

import os
import subprocess
from pathlib import Path

import pytest
from gitbench import filled, git

pytestmark = pytest.mark.real

SHELL = Path(__file__).parents[2] / "hooks/reconciler-git-shell"


def run(arguments: list[str], asked: str | None, **env: str) -> "subprocess.CompletedProcess[bytes]":
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env}
    if asked is not None:
        environment["SSH_ORIGINAL_COMMAND"] = asked
    return subprocess.run(
        [str(SHELL), *arguments], env=environment, input=b"0000", capture_output=True, timeout=30, check=False
    )


@pytest.fixture
def repo(tmp_path):
    return filled(tmp_path)[0]


@pytest.mark.parametrize("verb", ["git-upload-pack", "git upload-pack", "git-receive-pack", "git receive-pack"])
@pytest.mark.parametrize("form", ["{}", "{}/", "state.git", "/state.git", "/state.git/"])
def test_git_on_the_repository_is_let_through(repo, verb, form):
    result = run(["ann@laptop", str(repo)], f"{verb} '{form.format(repo)}'")
    assert b"refs/heads/main" in result.stdout
    assert result.returncode == 0


@pytest.mark.parametrize(
    "asked",
    [
        None,
        "",
        "sh",
        "git-receive-pack",
        "git-receive-pack {repo}",
        "git-receive-pack '{repo}'; touch {marker}",
        "git-receive-pack '{repo}' && touch {marker}",
        "git-receive-pack '{repo}'\ntouch {marker}",
        "git-receive-pack '{repo}' ",
        "git-receive-pack '$(touch {marker})'",
        "git-receive-pack '`touch {marker}`'",
        "git-receive-pack --help '{repo}'",
        "git-receive-pack '{repo}/../state.git'",
        "git-receive-pack '{repo}/../other.git'",
        "git-receive-pack '/etc'",
        "git-receive-pack ''\\''{repo}'\\'''",
        'git-receive-pack "{repo}"',
        "git-receive-pack '*'",
        "git-receive-pack '{repo}*'",
        "git-upload-archive '{repo}'",
        "git -c core.sshCommand=touch receive-pack '{repo}'",
        "git-lfs-authenticate '{repo}'",
        "scp -t {repo}",
        "-n",
        "%s%n",
    ],
)
def test_anything_else_is_refused_with_a_sentence(repo, tmp_path, asked):
    marker = tmp_path / "marker"
    text = asked.format(repo=repo, marker=marker) if asked is not None else None
    result = run(["ann", str(repo)], text)
    assert result.returncode == 1
    assert result.stderr.startswith(b"reconciler: ")
    assert b"no shell here" in result.stderr or b"may only fetch from and push to" in result.stderr
    assert not result.stdout
    assert not marker.exists()


@pytest.mark.parametrize("name", ["", "a b", "ann;id", "a/../b", "$(id)", "ann\n", "é", "*", "-x'"])
def test_names_with_other_characters_are_refused(repo, name):
    result = run([name, str(repo)], f"git-upload-pack '{repo}'")
    assert result.returncode == 1
    assert b"needs a name" in result.stderr


@pytest.mark.parametrize("path", ["relative.git", "/a b", "/a'b", "/a$(id)", "/a*", "/a\nb"])
def test_odd_repository_paths_are_refused(path):
    result = run(["ann", path], f"git-upload-pack '{path}'")
    assert result.returncode == 1
    assert result.stderr.startswith(b"reconciler: ")


def test_who_pushed_reaches_the_hook_and_the_clients_variables_do_not(repo, tmp_path):
    seen = tmp_path / "seen"
    hook = repo / "hooks/pre-receive"
    hook.write_text(f"#!/bin/sh\nenv > {seen}\nexit 1\n")
    ssh = tmp_path / "ssh"
    ssh.write_text(
        '#!/bin/sh\n[ "$1" = -o ] && shift 2\nshift\n'
        'export SSH_ORIGINAL_COMMAND="$*" GIT_EXEC_PATH=/evil RECONCILER_PUSHED_BY=root LD_DEBUG=none\n'
        f"exec {SHELL} ann@laptop {repo}\n"
    )
    ssh.chmod(0o755)
    work = tmp_path / "filler"
    git(work, "commit", "--quiet", "--allow-empty", "--message", "x")
    url = f"ssh://host{repo}"
    git(work, "push", url, "main", check=False, env={"GIT_SSH": str(ssh), "GIT_SSH_VARIANT": "ssh"})
    lines = seen.read_text().splitlines()
    assert "RECONCILER_PUSHED_BY=ann@laptop" in lines
    assert not [line for line in lines if "evil" in line or line.startswith("LD_")]
