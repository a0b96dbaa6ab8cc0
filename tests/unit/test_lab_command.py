"""`reconciler lab`, as far as it needs no lab."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from reconciler.cli import lab


@pytest.mark.parametrize("words", [["--keep", "tour"], ["tour", "--keep"], ["--keep"]])
def test_keep_may_stand_before_the_tour_or_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    kept: list[bool] = []
    monkeypatch.setattr(lab, "tour", lambda _, *, keep: kept.append(keep))
    done = CliRunner().invoke(lab.command, ["--folder", str(tmp_path), *words])
    assert (done.exit_code, kept) == (0, [True]), done.output
