"""The teaching notebook: it runs as it stands, and comes to the verdicts that it shows."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "examples" / "from_folklore_to_verdict.ipynb"


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def texts(notebook: Any) -> str:
    """What the notebook's cells print."""
    return "\n".join(output.get("text", "") for output in outputs(notebook))


def verdicts(notebook: Any) -> list[tuple[str, ...]]:
    """The verdicts that the notebook prints, each with its claim."""
    return re.findall(r"(?m)^(supported|refuted|inconclusive)!? +([a-z][\w-]+)", texts(notebook))


def test_the_notebook_runs_and_shows_what_it_comes_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # all is trained anew
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shown = nbformat.read(NOTEBOOK, as_version=4)
    run = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(run, timeout=300, kernel_name="python3").execute(cwd=str(tmp_path))
    assert len(verdicts(shown)) == 4
    assert verdicts(run) == verdicts(shown)
    kinds = {kind for output in outputs(run) for kind in output.get("data", ())}
    assert {"text/html", "image/png"} <= kinds
    assert list((tmp_path / "bnclaims" / "store").glob("runs/*/*.run"))
    assert "UserWarning" not in texts(run)


def test_the_notebook_shows_nothing_of_where_it_was_run() -> None:
    text = NOTEBOOK.read_text("utf-8")
    assert not re.search(r"/home/|/root/|/tmp/|/work/|C:\\\\", text)
