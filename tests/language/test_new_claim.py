"""`bnclaims new`: a file that says what is missing, and runs once it is filled in."""

from pathlib import Path

import pytest

from bnclaims.cli import main
from bnclaims.errors import CommandError
from bnclaims.experiment.sources import DataSource
from bnclaims.language.new_claim import write

STATEMENT = "LayerNorm helps a deep tanh network"
NAME = "layernorm_helps_a_deep_tanh_network"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.syspathinsert(Path(__file__).parents[2])
    pytester.makeconftest("pytest_plugins = ['bnclaims.plugin']")
    return pytester


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_inprocess("-n0", "--claims-store=store", *options)


def test_the_command_says_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", STATEMENT, str(tmp_path)]) == 0
    path = tmp_path / f"test_{NAME}.py"
    words = f"{path}: fill in MARGIN and source=, then run `pytest {path}`\n"
    assert capsys.readouterr().out == words
    assert path.is_file()


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    path = write(STATEMENT, tmp_path)
    path.write_text("mine")
    with pytest.raises(CommandError, match=r"helps_a_deep_tanh_network.py exists and is left as i"):
        write(STATEMENT, tmp_path)
    assert path.read_text() == "mine"


def test_unedited_it_says_all_that_is_missing(project: pytest.Pytester) -> None:
    write(STATEMENT, project.path)
    result = run(project)
    result.assert_outcomes(errors=1)
    words = (
        f"ValueError: test_{NAME} has blanks to fill in: source=..., where this was said: "
        '"own", or a work and the place in it; and MARGIN = ..., a number: a margin is the '
        "smallest difference that would matter to you"
    )
    result.stdout.fnmatch_lines([f"*{words}"])


def test_filled_in_it_is_planned(project: pytest.Pytester, images: DataSource) -> None:
    path = write(STATEMENT, project.path)
    text = path.read_text("utf-8").replace("source=...", 'source="own"')
    path.write_text(text.replace("MARGIN = ...", "MARGIN = 0.02"), "utf-8")
    result = run(project, f"--claims-data={images.path}", "--claims-plan")
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"*::test_{NAME}", "2 arms, 10 runs for the first look:"])


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ('Größe "zählt" \\ {nicht}\n', "groe_zahlt_nicht"),
        ("A " + "very " * 30 + "long one", "a_" + "very_" * 11 + "ver"),
        ("x" * 99, "x" * 60),
        ("1 layer is enough.", "1_layer_is_enough"),
    ],
)
def test_any_statement_makes_a_python_file(tmp_path: Path, statement: str, name: str) -> None:
    path = write(statement, tmp_path)
    assert path.name == f"test_{name.removesuffix('_ver')}.py"
    compile(path.read_text("utf-8"), path.name, "exec")


@pytest.mark.parametrize("statement", ["", "深い"])
def test_a_statement_that_makes_no_name_is_refused(tmp_path: Path, statement: str) -> None:
    with pytest.raises(CommandError, match="is no statement to name a test by: say what is"):
        write(statement, tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"there is no folder .*absent: make it first"):
        write(STATEMENT, tmp_path / "absent")
