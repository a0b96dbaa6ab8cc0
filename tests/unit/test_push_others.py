"""Branches that are pushed and are not deployed: told of, never a reason to refuse."""

from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.daemon import push
from reconciler.daemon.hook_request import HookRequest
from reconciler.errors import Refused
from reconciler.git.receive import Update

ZERO, NEW = "0" * 40, "1" * 40


class Repo:
    """Every commit but those of `good` holds a submodule."""

    def __init__(self, *good: str) -> None:
        self.good = good
        self.read: list[str] = []

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        return True

    def tree(self, commit: str) -> dict[str, Any]:
        self.read.append(commit)
        if commit not in self.good:
            raise Refused("hosts/sub: a submodule")
        return {}


def judged(monkeypatch: pytest.MonkeyPatch, repo: Repo, *updates: Update) -> tuple[bool, list[str]]:
    evaluator = SimpleNamespace(known=lambda commit: False, evaluate=lambda commit, tree, deployed: commit)
    store = SimpleNamespace(load=lambda: None)
    node: Any = SimpleNamespace(config=SimpleNamespace(branch="main"), evaluator=evaluator, store=store)
    monkeypatch.setattr(push, "_tell", lambda node, evaluation, request, show: "")
    said: list[str] = []
    accepted = push._judge(node, repo, HookRequest("pre-receive", updates), said.append)  # type: ignore[arg-type]
    return accepted, said


def test_a_branch_that_no_state_can_be_is_told_and_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted, said = judged(monkeypatch, Repo(), Update(ZERO, NEW, "refs/heads/draft"))
    assert accepted
    assert said == [
        "check     refs/heads/draft could not be deployed as it is: hosts/sub: a submodule",
        "stored    refs/heads/draft is not the deployed branch, so it is not applied",
    ]


def test_the_deployed_branch_is_still_refused_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="submodule"):
        judged(monkeypatch, Repo(), Update(ZERO, NEW, "refs/heads/main"))


@pytest.mark.parametrize(("count", "rest"), [(10, []), (11, ["1 more branch"]), (30, ["20 more branches"])])
def test_of_many_branches_only_some_are_checked(monkeypatch: pytest.MonkeyPatch, count: int, rest: list[str]) -> None:
    commits = [f"{number:040x}" for number in range(1, count + 1)]
    repo = Repo(*commits)
    updates = [Update(ZERO, commit, f"refs/heads/b{index}") for index, commit in enumerate(commits)]
    accepted, said = judged(monkeypatch, repo, *updates)
    assert accepted
    assert repo.read == commits[:10]
    assert [line for line in said if "…" in line] == [f"{'':<9} … and {text}, not checked" for text in rest]


def test_nothing_is_called_stored_when_the_push_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    draft, deletion = Update(ZERO, NEW, "refs/heads/draft"), Update(NEW, ZERO, "refs/heads/main")
    accepted, said = judged(monkeypatch, Repo(NEW), draft, deletion)
    assert not accepted
    assert not any("stored " in line for line in said)
