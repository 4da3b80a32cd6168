"""Reports: badges and the command line, on results as a session writes them."""

import copy
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure as MatplotlibFigure

from bnclaims.cli import main
from bnclaims.language.claim import Claim
from bnclaims.language.evidence import Evidence, Trial
from bnclaims.reporting import badges, markdown, plots, report
from bnclaims.reporting.outcome import Outcome
from bnclaims.reporting.terminal import rounded
from bnclaims.session.options import Settings
from bnclaims.statistics.design import Design, Open, Sequential
from claims.protocols import PROTOCOLS
from tests.language.test_sample import SEEDS, no_run, sample

HOSTILE = "<script>alert('\"&\\n')</script> 🙂 \u202etfel"


def outcome(
    name: str, mean: float, *, statement: str = "It holds", design: Design | None = None
) -> Outcome:
    """What a claim that a mean is positive comes to."""
    noise = np.random.default_rng(np.random.SeedSequence([3, len(name)])).normal(0, 1, SEEDS)
    return outcome_of(
        name, lambda trial: sample(mean + noise, trial) > 0, statement=statement, design=design
    )


def outcome_of(
    name: str,
    compare: Callable[[Trial], Evidence],
    *,
    statement: str = "It holds",
    design: Design | None = None,
) -> Outcome:
    """What a claim of one comparison comes to."""
    trial = Trial(design=design or Sequential(), require=lambda _: None, load=no_run)
    verdict = compare(trial).verdict
    declared = Claim(name, statement, "here", "supported", "")
    notes = {"protocol": "quick", "data": "mnist", "data_note": "MNIST"}
    notes |= {"test": f"test_it.py::test_{name}", "code": f"def test_{name}(): ..."}
    return Outcome.of(declared, name, verdict, trial, declared=3, **notes)


FIGURES: list[dict[str, Any]] = [
    {
        "title": "Two curves <b>",
        "source": "here",
        "kind": "curves",
        "edges": [],
        "lines": [
            {"label": "solid", "dashed": False, "values": [[2.0, 1.0, None], [2.1, 1.1, 0.5]]},
            {"label": "dashed", "dashed": True, "values": [[1.0, 0.5, 0.25], [1.1, 0.6, 0.2]]},
        ],
    },
    {
        "title": "A histogram",
        "source": "here",
        "kind": "histograms",
        "edges": [0.0, 0.5, 1.0],
        "lines": [{"label": "a", "dashed": False, "values": [[0.5, 0.5], [0.25, 0.75]]}],
    },
]


def results(*outcomes: Outcome, errors: tuple[str, ...] = ()) -> dict[str, Any]:
    settings = Settings("mnist", PROTOCOLS["quick"], Path(), Sequential(), 1, chosen=True)
    broken = [{"id": name, "message": "boom"} for name in errors]
    return report.document(outcomes, broken, FIGURES, settings)


YES, NO, MAYBE = outcome("yes", 9.0), outcome("no", -9.0), outcome("perhaps", 0.1)


def saved(folder: Path, *outcomes: Outcome) -> str:
    report.write(results(*outcomes), folder)
    return str(folder)


def text_of(path: Path) -> list[str]:
    return [element.text or "" for element in ET.parse(path).iter() if element.tag.endswith("text")]


def test_each_claim_and_the_suite_get_a_badge(tmp_path: Path) -> None:
    badges.write(results(YES, NO, MAYBE, errors=("broken",)), tmp_path)
    assert text_of(tmp_path / "yes.svg") == ["yes", "supported, n = 5"]
    assert text_of(tmp_path / "no.svg") == ["no", "refuted, n = 5, unexpected"]
    assert text_of(tmp_path / "broken.svg") == ["broken", "error"]
    assert text_of(tmp_path / "claims.svg")[1] == "1 supported, 1 refuted, 1 inconclusive, 1 error"
    data = json.loads((tmp_path / "perhaps.json").read_text())
    assert data == {
        "schemaVersion": 1,
        "label": "perhaps",
        "message": "inconclusive, n = 20, unexpected",
        "color": badges.COLOURS["inconclusive"],
    }


def test_the_suite_is_green_only_when_all_is_as_expected(tmp_path: Path) -> None:
    for found, colour in [
        (results(YES), "supported"),
        (results(YES, NO), "error"),
        (results(YES, errors=("broken",)), "error"),
    ]:
        badges.write(found, tmp_path)
        suite = json.loads((tmp_path / "claims.json").read_text())
        assert suite["color"] == badges.COLOURS[colour]


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), st.text("ab<&>\"'"))
def test_whatever_a_claim_is_called_stays_text(label: str, message: str) -> None:
    root = ET.fromstring(badges.svg(label, message, "#000000"))
    shown = [element.text or "" for element in root.iter() if element.tag.endswith("text")]
    assert shown == [label, message]
    assert root.attrib["aria-label"]


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("colour", badges.COLOURS.values())
def test_white_words_can_be_read(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("claim", "file"), [("a-b", "a-b"), ("a[x/y]", "a-x-y"), ("../../etc", "etc"), ("a b", "a-b")]
)
def test_file_names_are_harmless(claim: str, file: str) -> None:
    assert badges.file_name(claim).strip(".-") == file


def test_no_two_names_share_a_file() -> None:
    names = ["a b", "a/b", "A-B", "学习", "🙂", "claims", "plain"]
    files = badges.file_names(names, reserved=["claims"])
    assert len({file.lower() for file in files.values()} - {"claims"}) == len(names)
    assert files["plain"] == "plain"
    assert badges.file_names(["a b"]) == {"a b": "a-b"}


def test_a_claim_called_claims_leaves_the_suites_badge_alone(tmp_path: Path) -> None:
    paths = badges.write(results(outcome("claims", 9.0)), tmp_path)
    assert len(set(paths)) == 2
    assert text_of(tmp_path / "claims.svg")[1] == "1 supported"


def test_links_to_badges_have_no_spaces() -> None:
    line = markdown.badge_table(results(YES), Path("my (badges)"), Path("README.md"))[-1]
    assert line.endswith("(my%20%28badges%29/yes.svg) |")


def test_list_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", saved(tmp_path / "r", YES, NO)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["verdict", "claim"]
    assert lines[1].startswith("refuted!  no")


def test_claims_whose_test_went_wrong_are_listed_shown_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    report.write(results(YES), whole)
    report.write(results(NO, errors=("yes",)), broken)
    assert main(["list", str(broken)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "error  yes: boom"
    assert main(["show", str(broken), "yes"]) == 0
    assert capsys.readouterr().out == "yes: its test went wrong\nboom\n"
    assert main(["compare", str(whole), str(broken)]) == 1
    assert "yes: supported -> error" in capsys.readouterr().out.splitlines()


def test_an_interval_without_ends_is_shown_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved(tmp_path / "r", outcome("unbounded", 9.0, design=Open((3,), 1e-6)))
    assert main(["list", folder]) == 0
    assert "[-inf, inf]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ((0.0106, 0.0004, 0.0209), ("0.0106", "0.0004", "0.0209")),  # 0.000 would not be above 0
        ((0.011, -0.002, 0.025), ("0.011", "-0.002", "0.025")),
        ((0.500001, 0.5000005, 0.5000015), ("5.0000100e-01", "5.0000050e-01", "5.0000150e-01")),
        ((1e-7, 0.5e-7, 2e-7), ("1.00e-07", "5.0e-08", "2.00e-07")),
        ((0.0, None, None), ("0", "-inf", "inf")),
    ],
)
def test_rounding_neither_hides_a_difference_nor_moves_it_over_an_edge(
    numbers: tuple[float, ...], texts: tuple[str, ...]
) -> None:
    finding = dict(zip(("estimate", "low", "high"), numbers, strict=True)) | {"region": [0, None]}
    assert rounded(finding) == texts


def test_show_prints_the_evidence_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved(tmp_path / "r", YES, outcome("hostile", 9.0, statement=HOSTILE))
    assert main(["show", folder, "hostile"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"hostile: {HOSTILE}")
    assert "supported: s1 = " in out
    assert "yes" not in out


def test_badges_are_written_where_they_are_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["badges", saved(tmp_path / "r", YES), str(tmp_path / "b")]) == 0
    assert {path.name for path in (tmp_path / "b").iterdir()} == {
        "yes.svg", "yes.json", "claims.svg", "claims.json",
    }  # fmt: skip


def test_report_makes_page_and_pictures_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved(tmp_path / "r", YES)
    (tmp_path / "r" / "index.html").unlink()
    assert main(["report", f"{folder}/results.json"]) == 0
    assert main(["report", folder, str(tmp_path / "elsewhere")]) == 0
    pages = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert pages == [tmp_path / "r" / "index.html", tmp_path / "elsewhere" / "index.html"]
    assert pages[0].read_text() == pages[1].read_text()
    saved_too = (tmp_path / "elsewhere" / "results.json").read_text()
    assert saved_too == (tmp_path / "r" / "results.json").read_text()
    names = {path.name for path in (tmp_path / "elsewhere" / "figures").iterdir()}
    assert names == {
        "Two-curves-b.svg", "Two-curves-b.png", "A-histogram.svg", "A-histogram.png",
    }  # fmt: skip


def test_a_figure_is_drawn_again_only_when_it_changed(tmp_path: Path) -> None:
    svg, _, *_ = plots.write(FIGURES[:1], tmp_path)
    drawn = svg.stat().st_mtime_ns
    assert "Two curves &lt;b&gt; (2 seeds)" in svg.read_text()
    plots.write(FIGURES[:1], tmp_path)
    assert svg.stat().st_mtime_ns == drawn
    changed = copy.deepcopy(FIGURES[0])
    changed["lines"][0]["values"][0][0] = 1.5
    plots.write([changed], tmp_path)
    assert svg.stat().st_mtime_ns > drawn


def drawn(*values: list[float | None]) -> Any:
    """The axes of a figure of curves."""
    canvas = MatplotlibFigure()
    line = {"label": "a", "dashed": False, "values": list(values)}
    plots._curves(canvas, {"lines": [line]})
    return canvas.axes[0]


def test_a_figures_mean_is_of_the_seeds_that_have_a_value() -> None:
    axes = drawn([2.0, None], [2.0, 1.0])
    assert axes.lines[-1].get_ydata().tolist() == [2.0, 1.0]


def test_a_figure_shows_losses_below_zero() -> None:
    assert drawn([1.0, -3.0]).get_ylim()[0] <= -3
    assert drawn([1.0, 0.5]).get_ylim()[0] == 0


def test_a_figure_shows_a_single_epoch() -> None:
    assert drawn([1.0], [2.0]).lines[-1].get_marker() == "."


def test_a_figure_has_more_layers_than_colours(tmp_path: Path) -> None:
    many = copy.deepcopy(FIGURES[1])
    many["lines"] = [many["lines"][0] | {"label": str(i)} for i in range(9)]
    assert all(path.exists() for path in plots.write([many], tmp_path))


def test_messages_of_errors_are_plain_text() -> None:
    settings = Settings("mnist", PROTOCOLS["quick"], Path(), Sequential(), 1, chosen=True)
    message = "\x1b[1;31mE  boom\x1b[0m\n\tline | two\x00\ud800"
    found = report.document([], [{"id": "broken", "message": message}], [], settings)
    assert found["errors"] == [{"id": "broken", "message": "E  boom\n\tline | two"}]


def test_markdown_is_a_summary_of_the_session(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = results(YES, NO, errors=("broken",))
    report.write(found, tmp_path / "r")
    assert main(["markdown", str(tmp_path / "r")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "## Claims: 1 supported, 1 refuted, 1 error"
    assert "- **broken** has no verdict: boom" in lines
    assert "- **no**: expected supported, now refuted" in lines
    assert lines[-1].startswith("| ✓ supported | yes | ")


def test_a_table_of_badges_goes_into_a_page(tmp_path: Path) -> None:
    folder = saved(tmp_path / "r", YES, outcome("hostile", 9.0, statement=HOSTILE + " | `a`"))
    page = tmp_path / "docs" / "README.md"
    page.parent.mkdir()
    page.write_text("Before\n<!-- claims -->\nold\n<!-- /claims -->\nAfter\n")
    asked = ["markdown", folder, "--badges", str(tmp_path / "badges"), "--into", str(page)]
    assert main(asked) == 0
    lines = page.read_text().splitlines()
    assert lines[:4] == ["Before", "<!-- claims -->", "| claim | verdict |", "|---|---|"]
    assert lines[4].startswith("| &lt;script&gt;alert('\"&amp;\\\\n')&lt;/script&gt;")
    assert lines[4].endswith("\\| \\`a\\` | ![hostile: supported](../badges/hostile.svg) |")
    assert lines[5] == "| It holds | ![yes: supported](../badges/yes.svg) |"
    assert lines[6:] == ["<!-- /claims -->", "After"]
    assert (tmp_path / "badges" / "yes.svg").exists()
    assert main(asked) == 0
    assert page.read_text().splitlines() == lines


def test_compare_says_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = saved(tmp_path / "old", YES, NO)
    same = saved(tmp_path / "same", outcome("yes", 9.5), NO)
    assert main(["compare", old, same]) == 0
    assert capsys.readouterr().out.startswith("yes: supported as before, ")
    new = saved(tmp_path / "new", outcome("yes", -9.0), MAYBE)
    assert main(["compare", old, new]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "no: refuted -> absent",
        "perhaps: absent -> inconclusive",
        "yes: supported -> refuted",
        "3 of 3 verdicts changed",
    ]


def test_mistakes_are_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text").write_text("no JSON")
    (tmp_path / "future").write_text('{"schemaVersion": 99}')
    (tmp_path / "part").write_text(f'{{"schemaVersion": {report.SCHEMA_VERSION}, "claims": []}}')
    for arguments, words in [
        (["list", str(tmp_path / "none")], "does not exist: run `pytest --claims-report DIR`"),
        (["list", str(tmp_path / "text")], "holds no results of bnclaims"),
        (["list", str(tmp_path / "future")], "has schema version 99"),
        (["report", str(tmp_path / "part")], "lacks created, declared, design, errors, figures"),
        (["show", saved(tmp_path / "r", YES), "no"], "there is no claim 'no'"),
        (
            ["markdown", str(tmp_path / "r"), "--into", str(tmp_path / "text")],
            "write <!-- claims --> and, below it, <!-- /claims -->",
        ),
    ]:
        assert main(arguments) == 2
        assert words in capsys.readouterr().err
