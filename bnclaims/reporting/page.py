"""The page: a session's results as one HTML file that needs neither network nor scripts."""

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bnclaims.language.figure import Drawing, Line
from bnclaims.language.finding import Finding, Region
from bnclaims.reporting import charts
from bnclaims.reporting.badges import COLOURS, MARKS, file_name, tally
from bnclaims.reporting.results import ClaimResult, Results
from bnclaims.reporting.terminal import interval_text, mean_and_deviation, p_text, rounded

if TYPE_CHECKING:
    import jinja2


_RAREST = 1_000
"""The rarest that a sentence says: five seeds cannot show one in a million."""


def html(results: Results) -> str:
    """Returns the page.

    Args:
        results: Of a session.
    """
    claims = results.claims
    publications = sorted({publication(claim) for claim in claims})
    forest = charts.Forest(end for claim in claims for end in _ends(claim))
    template = _environment().get_template("page.html")
    anchors = _anchors(claims)
    return template.render(
        results=results,
        anchor=lambda claim: anchors[id(claim)],
        claims=claims,
        ranked=sorted(claims, key=_rank),
        publications=publications,
        forest=forest,
        tally=tally(results),
        data=sorted({claim.data_note for claim in claims}),
        empty=_empty_filters(claims, publications, bool(results.errors)),
        swatches=range(charts.COLOURS),
    )


def publication(claim: ClaimResult) -> str:
    """Returns the publication that a claim is from: its source up to the first comma."""
    return re.split("[,;]", claim.source)[0].strip()


def in_words(claim: ClaimResult) -> list[str]:
    """Returns what a verdict means, in sentences for those who know no statistics."""
    finding = claim.deciding
    if finding is None:
        return [_without_numbers(claim)]
    said = [_opening(claim), _compared(claim, finding)]
    if finding.verdict == "inconclusive":
        said += [_outlook(finding)] if claim.verdict == "inconclusive" else []
    elif finding.p is not None and finding.verdict == claim.verdict:
        said.append(_chance(finding, finding.p))
    if len(claim.findings) > 1:
        said.append(_parts(claim))
    return [sentence for sentence in said if sentence]


def region_text(region: Region) -> str:
    """Returns where a claim says a number is, for a sentence: `above 0`."""
    if region.high is None:
        return f"above {region.low:.4g}"
    if region.low is None:
        return f"below {region.high:.4g}"
    return f"between {region.low:.4g} and {region.high:.4g}"


def arm_lines(claim: ClaimResult) -> list[Line]:
    """Returns the learning curves of a claim's arms."""
    return [Line(arm.arm, arm.curves.loss) for arm in claim.arms]


def figure_svg(figure: Drawing) -> str:
    """Returns the chart of a figure."""
    if figure.kind == "curves":
        return charts.curves(figure.lines, f"{figure.title}: training loss by epoch")
    return charts.histograms(figure.lines, figure.edges, figure.title)


def forest_row(forest: charts.Forest, claim: ClaimResult) -> str:
    """Returns a claim's row of the forest plot; '' where there is no standardised effect."""
    low, effect, high = _ends(claim)
    if effect is None:
        return ""
    interval = "" if low is None or high is None else f", 95% interval {low:.2f} to {high:.2f}"
    label = f"{claim.verdict}, {effect:.2f} standard deviations{interval}"
    return forest.row(low, effect, high, label)


def _ends(claim: ClaimResult) -> tuple[float | None, float | None, float | None]:
    finding = claim.deciding
    if finding is None:
        return None, None, None
    return finding.effect_low, finding.effect, finding.effect_high


def _anchors(claims: Sequence[ClaimResult]) -> dict[int, str]:
    """Returns a place on the page for each claim, by its identity, also where ids are alike."""
    anchors: dict[int, str] = {}
    for place, claim in enumerate(claims):
        name = f"claim-{file_name(claim.id)}"
        anchors[id(claim)] = f"{name}~{place}" if name in anchors.values() else name
    return anchors


def _rank(claim: ClaimResult) -> tuple[bool, float]:
    """Returns a key that puts the strongest support first, the strongest refutation last."""
    _, effect, _ = _ends(claim)
    return effect is None, -(effect or 0.0)


def _empty_filters(
    claims: Sequence[ClaimResult], publications: Sequence[str], errors: bool
) -> list[tuple[str, str]]:
    """Returns the choices of verdict and publication that leave nothing to show."""
    shown = {
        (v, w)
        for c in claims
        for v in _choices(c)
        for w in ("all", publications.index(publication(c)))
    }
    if errors:
        shown |= {(v, "all") for v in ("all", "error", "unexpected")}
    verdicts = ("all", *COLOURS, "unexpected")
    choices: list[tuple[str, Any]] = [
        (v, w) for v in verdicts for w in ("all", *range(len(publications))) if (v, w) not in shown
    ]
    return [(v, str(w)) for v, w in choices]


def _choices(claim: ClaimResult) -> tuple[str, ...]:
    return ("all", claim.verdict, *([] if claim.as_expected else ["unexpected"]))


def _without_numbers(claim: ClaimResult) -> str:
    if claim.verdict == "inconclusive":
        return "There is no number to judge: " + " ".join(claim.explanation)
    held = "held" if claim.verdict == "supported" else "failed"
    return f"Nothing random is in this claim: what it asserts {held}."


def _opening(claim: ClaimResult) -> str:
    n = max(finding.seeds for finding in claim.findings)
    said = {
        "supported": "The runs support this claim",
        "refuted": "The runs contradict this claim",
        "inconclusive": "The runs do not settle this claim",
    }[claim.verdict]
    return f"{said}, after {n} seeds (independent repetitions of everything random)."


def _compared(claim: ClaimResult, finding: Finding) -> str:
    # `assert not (a < b)`, or a comparison's verdict, asserts something else than its comparison.
    same = finding.verdict == claim.verdict
    claimed = f"{'the claim' if same else 'its comparison'} says {region_text(finding.region)}"
    if finding.is_exact:
        return f"Every seed gave {finding.estimate:.4g}; {claimed}."
    where = {
        "supported": "the whole interval is",
        "refuted": "none of the interval is",
        "inconclusive": "part of the interval is",
    }[finding.verdict]
    estimate, low, high = rounded(finding)
    words = (
        f"The number compared averages {estimate} (interval {low} to {high}); {claimed}, and "
        f"{where}."
    )
    return words + ("" if same else f" So its comparison is {finding.verdict}; see its test.")


def _chance(finding: Finding, p: float) -> str:
    other = "false" if finding.verdict == "supported" else "true"
    # Beyond that a p-value says more of the assumed distribution than of the runs.
    rare = min(math.floor(1 / max(p, 1 / _RAREST)), _RAREST)
    words = f"If it were {other}, evidence this strong would occur at most once in {rare:,} tests"
    if finding.sign_flip_p is None:  # a share's test is free of any distribution
        return f"{words}."
    return (
        f"{words} with contrasts no more skewed than an exponential; by their signs alone, "
        f"p = {finding.sign_flip_p:.2g}."
    )


def _outlook(finding: Finding) -> str:
    eighty, _ = finding.needed
    if not eighty:
        return ""
    # Two digits: a guess from few seeds deserves no more.
    unit = 10 ** max(0, len(str(eighty)) - 2)
    about = math.ceil(eighty / unit) * unit
    return f"If the estimate is right, about {about:,} seeds would decide it with 80% power."


def _parts(claim: ClaimResult) -> str:
    seeds = [finding.seeds for finding in claim.findings]
    after = f", after {seeds[0]} seeds" if seeds[0] < max(seeds) else ""
    return f"The claim makes {len(seeds)} comparisons; shown is the one that decides{after}."


def _environment() -> "jinja2.Environment":
    # Here, as the plugin is imported also where no page is made.
    import jinja2  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bnclaims.reporting", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals |= {
        "arm_lines": arm_lines,
        "charts": charts,
        "figure_svg": figure_svg,
        "forest_row": forest_row,
        "in_words": in_words,
        "interval_text": interval_text,
        "marks": MARKS,
        "mean_and_deviation": mean_and_deviation,
        "p_text": p_text,
        "region_text": region_text,
        "publication": publication,
    }
    return environment
