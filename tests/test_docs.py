"""Documentation says what is so: its code runs, its commands exist, its links lead somewhere.

Claims are planned and not trained. Output is exempt: its blocks are marked `console` or `text`.
"""

import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import dask.config
import distributed  # noqa: F401  (declares its part of Dask's configuration)
import pytest
import yaml

from bnclaims import cli
from bnclaims.experiment.sources import DataSource
from bnclaims.language import tracing
from bnclaims.session.options import OPTIONS

ROOT = Path(__file__).parents[1]
if not (ROOT / "docs").is_dir():
    pytest.skip("only a checkout has documentation", allow_module_level=True)

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("changelog.d/README.md")])
EXEMPT = {"console", "text"}
CHECKED = {"python", "sh", "yaml"}


@dataclass(frozen=True)
class Block:
    language: str
    code: str


def blocks(page: Path, language: str | None = None) -> list[Block]:
    fences = re.findall(r"(?ms)^```(.*?)\n(.*?)^```$", page.read_text("utf-8"))
    found = [Block(info, code) for info, code in fences if not info.startswith("{")]
    return [block for block in found if language in (None, block.language)]


def pages_with(language: str) -> list[Path]:
    return [page for page in PAGES if blocks(page, language)]


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_each_variable_is_read(page: Path) -> None:
    """An error's page asked for one that nobody read."""
    variables = set(re.findall(r"BNCLAIMS_\w+", page.read_text("utf-8")))
    sources = "".join(file.read_text("utf-8") for file in ROOT.glob("bnclaims/**/*.py"))
    assert variables <= set(re.findall(r"BNCLAIMS_\w+", sources))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_each_block_says_its_language(page: Path) -> None:
    assert {block.language for block in blocks(page)} <= CHECKED | EXEMPT


# Python: the blocks of a page are one test file, or, where they say so, its conftest.py. What needs
# a framework that no test requires is run for itself, where that is installed.


def needs(code: str) -> str:
    """Returns the package that a block says it needs, '' for none."""
    said = re.match(r"# needs (\w+)\n", code)
    return said[1] if said else ""


FRAMEWORKS = [
    pytest.param(code, id=needs(code))
    for page in PAGES
    for block in blocks(page, "python")
    if needs(code := block.code)
]


@pytest.mark.slow
@pytest.mark.parametrize("code", FRAMEWORKS)
def test_trainers_in_other_frameworks_run(
    code: str, pytester: pytest.Pytester, images: DataSource
) -> None:
    package = needs(code)
    if not importlib.util.find_spec(package):
        pytest.skip(f"{package} is not installed")
    pytester.makeconftest("pytest_plugins = ['bnclaims.plugin']\n")
    pytester.makepyfile(code)
    run(pytester, images, "-n0", subprocess=True).assert_outcomes(passed=1)
    _, run_of_first_seed, *_ = (pytester.path / "store").rglob("*.run")
    assert f"{package} {metadata.version(package)}" in run_of_first_seed.read_text(errors="ignore")


def run(
    pytester: pytest.Pytester, images: DataSource, *more: str, subprocess: bool = False
) -> pytest.RunResult:
    pytester.syspathinsert(ROOT)
    where = [f"--claims-data={images.path}", f"--claims-store={pytester.path / 'store'}"]
    start = pytester.runpytest_subprocess if subprocess else pytester.runpytest_inprocess
    return start(*where, *more)


@pytest.mark.parametrize("page", pages_with("python"), ids=named)
def test_python_is_planned_as_claims(
    page: Path, pytester: pytest.Pytester, images: DataSource
) -> None:
    code = [block.code for block in blocks(page, "python") if not needs(block.code)]
    is_conftest = [each.startswith("# conftest.py\n") for each in code]
    conftest = ["pytest_plugins = ['bnclaims.plugin']\n"]
    conftest += [each for each, yes in zip(code, is_conftest, strict=True) if yes]
    tests = [each for each, yes in zip(code, is_conftest, strict=True) if not yes]
    pytester.makeconftest("\n".join(conftest))
    pytester.makepyfile("\n".join(tests))

    result = run(pytester, images, "--claims-plan")

    names = re.findall(r"(?m)^def (test_\w+)", "\n".join(tests))
    assert result.ret == (0 if names else pytest.ExitCode.NO_TESTS_COLLECTED)  # else it ran alone
    result.stdout.no_fnmatch_line("*(not traced*")
    for name in names:
        result.stdout.fnmatch_lines([f"*::{name}"])


@pytest.mark.parametrize("page", pages_with("python"), ids=named)
def test_python_is_in_style_and_knows_its_names(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(page, "python")):
        (tmp_path / f"block_{number}.py").write_text(block.code, "utf-8")
    (tmp_path / "page.py").write_text(
        "\n".join(block.code for block in blocks(page, "python")), "utf-8"
    )
    ruff = [sys.executable, "-m", "ruff"]
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    undefined = ["check", "--select", "F821", str(tmp_path / "page.py")]
    style = ["format", "--check", "--diff", *map(str, sorted(tmp_path.glob("block_*")))]
    for arguments in (undefined, style):
        done = subprocess.run(
            [*ruff, *arguments, *config], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_declared_figures_are_figures(pytester: pytest.Pytester, images: DataSource) -> None:
    page = ROOT / "docs" / "writing-a-claim.md"
    conftest = [b.code for b in blocks(page, "python") if b.code.startswith("# conftest.py\n")]
    pytester.makeconftest("\n".join(["pytest_plugins = ['bnclaims.plugin']", *conftest]))
    pytester.makepyfile(
        "from bnclaims import claim\n\n\n@claim('It holds', source='own')\n"
        "def test_exact():\n    assert 1 + 1 == 2\n"
    )
    result = run(pytester, images, "-n0")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*no figures*")


# Shell


def commands(page: Path) -> Iterator[list[str]]:
    for block in blocks(page, "sh"):
        for line in block.code.replace("\\\n", " ").splitlines():
            for command in re.split(r"&&|\||>>", line.split("#")[0]):
                if words := shlex.split(command):
                    yield words


@pytest.fixture
def pytest_help(pytester: pytest.Pytester) -> str:
    return str(pytester.runpytest_inprocess("-p", "bnclaims.plugin", "--help").stdout)


def check_make(targets: list[str]) -> None:
    known = re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"))
    assert set(targets) <= set(known)


def check_pip(arguments: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for extras in re.findall(r"\[(.*?)\]", " ".join(arguments)):
        assert set(extras.split(",")) <= project["optional-dependencies"].keys()


def check_bnclaims(arguments: list[str]) -> None:
    try:
        cli._parser().parse_args(arguments)
    except SystemExit:
        pytest.fail(f"bnclaims {shlex.join(arguments)} is not understood")


def check_python(arguments: list[str]) -> None:
    if arguments[0] == "-m":
        assert (ROOT / (arguments[1].replace(".", "/") + ".py")).is_file()
    else:
        assert (ROOT / arguments[0]).is_file()


def check_dask(arguments: list[str]) -> None:
    """Checks a command of Dask's against what its own modules declare."""
    command = importlib.import_module(f"distributed.cli.dask_{arguments[0]}").main
    known = {option for parameter in command.params for option in parameter.opts}
    known |= {option for parameter in command.params for option in parameter.secondary_opts}
    assert set(options(arguments[1:])) <= known


def check_export(arguments: list[str]) -> None:
    """Checks environment variables of Dask's, of which each stands for a place in its defaults."""
    for name in (argument.partition("=")[0] for argument in arguments):
        place = name.removeprefix("DASK_").lower().replace("__", ".")
        assert dask.config.get(place, default=0) is None, name


def options(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if re.match(r"--\w", word)]


@pytest.mark.parametrize("page", pages_with("sh"), ids=named)
def test_commands_and_options_exist(page: Path, pytest_help: str) -> None:
    for program, *arguments in commands(page):
        match Path(program).name, arguments:
            case "make", _:
                check_make(arguments)
            case "pytest", _:
                for option in options(arguments):
                    assert re.search(rf"{re.escape(option)}\b", pytest_help), option
            case "pip", _:
                check_pip(arguments)
            case ("python", ["-m", "bnclaims", *rest]) | ("bnclaims", rest):
                check_bnclaims(rest)
            case "python", _:
                check_python(arguments)
            case "dask", _:
                check_dask(arguments)
            case "export", _:
                check_export(arguments)
            case known, _:
                assert known in {"bandit", "pre-commit", "towncrier"}, f"how is {known} checked?"


@pytest.mark.parametrize("page", pages_with("yaml"), ids=named)
def test_yaml_is_yaml(page: Path) -> None:
    for block in blocks(page, "yaml"):
        assert isinstance(yaml.safe_load(block.code), dict)


def test_every_option_is_documented_once() -> None:
    documented = re.findall(
        r"(?m)^\| `--claims-([\w-]+)", (ROOT / "docs" / "options.md").read_text("utf-8")
    )
    assert sorted(documented) == sorted([*(name for name, *_ in OPTIONS), "report", "plan"])


def test_how_many_ways_through_a_body_are_tried_is_documented() -> None:
    page = (ROOT / "docs" / "writing-a-claim.md").read_text("utf-8")
    assert f"up to {tracing.MOST_PATHS} combinations of answers" in page


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 90


def test_each_changelog_fragment_has_a_type_that_is_shown() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["towncrier"]
    shown = "|".join(kind["directory"] for kind in tool["type"])
    names = {path.name for path in (ROOT / tool["directory"]).iterdir()} - {"README.md"}
    assert [name for name in names if not re.fullmatch(rf"\+[\w-]+\.({shown})\.md", name)] == []


def test_the_citation_is_of_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == project["version"]


# Links and paths


def anchors(page: Path) -> set[str]:
    """GitHub's anchors of a page's headings."""
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text("utf-8"))
    headings = re.findall(r"(?m)^#+ (.*)$", text)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if link.startswith("https://"):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    for path in re.findall(r"`((?:bnclaims|benchmarks|claims|docs|tests)/[\w./-]*)`", text):
        assert (ROOT / path).exists(), path
