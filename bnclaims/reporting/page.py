"""The page: a session's results as one HTML file that needs no network, and no script.

Its own short script adds conveniences only.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

from bnclaims.language.figure import Drawing, Line
from bnclaims.language.finding import Finding, Region, with_unit
from bnclaims.reporting import badges, charts, checked
from bnclaims.reporting.badges import COLOURS, MARKS, tally
from bnclaims.reporting.compared import Compared, Margin, compared, distinct_names
from bnclaims.reporting.results import ClaimResult, Results
from bnclaims.reporting.terminal import interval_text, mean_and_deviation, p_text, rounded

if TYPE_CHECKING:
    import jinja2


_RAREST = 1_000
"""The rarest that a sentence says: five seeds cannot show one in a million."""
_LEAST_CHANGE = 0.001
"""Below it, means in three digits hardly differ."""
_SURPRISES = 4
_FEW_PUBLICATIONS = 3
_NOT_MNIST = "NOT MNIST"
"""What the note of any other data says."""


def html(results: Results) -> str:
    """Returns the page.

    Args:
        results: Of a session.
    """
    claims = results.claims
    publications = Counter(publication(claim) for claim in claims)
    names = sorted(publications)
    verdicts = _verdict_counts(results)
    places = {id(claim): place for place, claim in enumerate(claims)}
    anchors = badges.anchors(results)
    return (
        _environment()
        .get_template("page.html")
        .render(
            results=results,
            colours=arm_colours(claims, results.figures),
            anchor=lambda claim: anchors[places[id(claim)]],
            place=lambda claim: places[id(claim)],
            claims=claims,
            groups=_groups(claims),
            publications=names,
            publication_counts=publications,
            subject=subject(names),
            forest=charts.Forest(end for claim in claims for end in _ends(claim)),
            verdicts=verdicts,
            tiles=[(name, verdicts.get(name, 0), _MEANINGS[name]) for name in _tiles(verdicts)],
            tally=tally(results),
            surprises=surprises(claims),
            seeds=_seeds(claims),
            significant=_significant(results),
            data=sorted({claim.data_note for claim in claims}),
            not_mnist=any(_NOT_MNIST in claim.data_note for claim in claims),
            empty=_empty_filters(results, names, list(verdicts)),
        )
    )


def section(claim: ClaimResult) -> str:
    """Returns what the page shows of one claim, to stand alone in a notebook or another page.

    It brings its own style, which applies to nothing else, and names no place of its surroundings.

    Args:
        claim: What it came to; `ClaimResult.beside([outcome])` has that of a claim judged alone.
    """
    return (
        _environment()
        .get_template("section.html")
        .render(claim=claim, colours=arm_colours([claim]))
    )


def subject(publications: Sequence[str]) -> str:
    """Returns what claims are from, in a few words: publications without what is in brackets."""
    if len(publications) > _FEW_PUBLICATIONS:
        return f"{len(publications)} publications"
    return ", ".join(map(_without_brackets, publications))


def _without_brackets(name: str) -> str:
    return re.sub(r"\s*\(.*?\)", "", name)


def surprises(claims: Sequence[ClaimResult]) -> list[ClaimResult]:
    """Returns the claims that came out most surprisingly, those not expected so first."""
    found = [claim for claim in claims if claim.verdict == "refuted" or not claim.as_expected]

    def surprise(claim: ClaimResult) -> tuple[bool, float]:
        _, effect, _ = _ends(claim)
        return claim.as_expected, -abs(effect or 0.0)

    return sorted(found, key=surprise)[:_SURPRISES]


def found_text(claim: ClaimResult) -> str:
    """Returns what was found and what is claimed, by the means of the arms where these are known.

    Where these alone do not say it, the number compared does.
    """
    finding = claim.deciding
    if finding is None:
        return _without_numbers(claim)
    metric = compared(claim)
    of_arms = _arms_text(metric, finding) if metric else ""
    if metric and of_arms and metric.margin and len(metric.arms) == 2:
        return of_arms
    return f"{of_arms} {_compared(claim, finding)}".lstrip()


def publication(claim: ClaimResult) -> str:
    """Returns the publication that a claim is from: its source up to the first comma."""
    return re.split("[,;]", claim.source)[0].strip()


def section_name(claim: ClaimResult) -> str:
    """Returns what a claim is from: publication, and the section that its source quotes next."""
    quoted = re.match("[^,;]*[,;] *('[^']*')", claim.source)
    name = _without_brackets(publication(claim))
    return f"{name}, {quoted[1]}" if quoted else name


def in_words(claim: ClaimResult) -> list[str]:
    """Returns what a verdict means, in sentences for those who know no statistics."""
    finding = claim.deciding
    if finding is None:
        return [_without_numbers(claim)]
    metric = compared(claim)
    said = [
        _opening(claim),
        _arms_text(metric, finding) if metric else "",
        _compared(claim, finding),
    ]
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
    return [Line(arm.arm, arm.curves.loss, arm=arm.arm) for arm in claim.arms]


def arm_colours(claims: Sequence[ClaimResult], figures: Sequence[Drawing] = ()) -> dict[str, int]:
    """Returns the colour of each arm on a page, see `charts.colours_of_arms`."""
    of_claims = [
        [*(arm.arm for arm in claim.arms), *(record.arm for record in claim.measured)]
        for claim in claims
    ]
    of_figures = [
        [line.arm for line in figure.lines]
        for figure in figures
        if figure.kind == "curves" and not figure.graded and all(x.arm for x in figure.lines)
    ]
    return charts.colours_of_arms([*of_claims, *of_figures])


def figure_svg(figure: Drawing, colours: Mapping[str, int]) -> str:
    """Returns the chart of a figure, with the colours of the page's arms."""
    if figure.kind == "curves":
        label = f"{figure.title}: training loss by epoch"
        return charts.curves(figure.lines, label, graded=figure.graded, chosen=colours)
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


_MEANINGS = {
    "supported": "the runs show what is claimed",
    "refuted": "the runs show that it is not so, or by less than claimed",
    "inconclusive": "the planned seeds did not settle it",
    "error": "no verdict: it went wrong, or was not reached",
    "unexpected": "not the verdict that the claim's author declared",
}


def _tiles(verdicts: dict[str, int]) -> list[str]:
    return [name for name in _MEANINGS if name != "error" or name in verdicts]


def _verdict_counts(results: Results) -> dict[str, int]:
    """Returns how many claims each choice of a verdict shows, without those that show none."""
    counts = Counter(name for claim in results.claims for name in _choices(claim))
    counts.update(("all", "error", "unexpected") * len(results.errors))
    return {name: counts[name] for name in ("all", *COLOURS, "unexpected") if counts[name]}


def _groups(claims: Sequence[ClaimResult]) -> list[tuple[str, list[ClaimResult]]]:
    """Returns the claims by section of what they are from, the strongest support first in each.

    What has no effect comes last.
    """

    def rank(claim: ClaimResult) -> tuple[bool, float]:
        _, effect, _ = _ends(claim)
        return effect is None, -(effect or 0.0)

    names = sorted({section_name(claim) for claim in claims})
    return [
        (name, sorted((c for c in claims if section_name(c) == name), key=rank)) for name in names
    ]


def _seeds(claims: Sequence[ClaimResult]) -> str:
    """Returns how many seeds the claims took; '' where none took any."""
    counts = sorted({finding.seeds for claim in claims for finding in claim.findings})
    if not counts:
        return ""
    return f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"


def _significant(results: Results) -> tuple[int, int]:
    """Returns how many verdicts stand for all claims together, and of how many."""
    decided = [
        claim.holm_p
        for claim in results.claims
        if claim.holm_p is not None and claim.verdict != "inconclusive"
    ]
    return sum(p <= results.design.alpha for p in decided), len(decided)


def _empty_filters(
    results: Results, publications: Sequence[str], verdicts: Sequence[str]
) -> list[tuple[str, str]]:
    """Returns the choices of verdict and publication that leave nothing to show."""
    shown = {
        (verdict, place)
        for claim in results.claims
        for verdict in _choices(claim)
        for place in ("all", str(publications.index(publication(claim))))
    }
    shown |= {(verdict, "all") for verdict in verdicts}
    places = ("all", *map(str, range(len(publications))))
    return [choice for choice in product(verdicts, places) if choice not in shown]


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


def _arms_text(metric: Compared, finding: Finding) -> str:
    """Returns the means of a claim's arms, and what the claim asks of them."""
    means = [mean for arm in metric.arms if (mean := arm.mean) is not None]
    if len(means) < len(metric.arms):
        return ""
    names = distinct_names([arm.arm for arm in metric.arms])
    each = [
        f"{with_unit(arm.mean_text, metric.unit)} with {name}"
        for name, arm in zip(names, metric.arms, strict=True)
    ]
    if len(means) != 2:
        return f"{metric.metric.capitalize()}: {'; '.join(each)}."
    margin = metric.margin
    first = margin.of if margin else 0
    ratio = _ratio(means[first], means[1 - first])
    words = f"The {metric.metric} was {each[first]} and {each[1 - first]}{ratio}."
    return f"{words} {_asked(margin, finding, metric.unit)}" if margin else words


def _ratio(mean: float, beside: float) -> str:
    if mean <= 0 or beside <= 0:
        return ""
    if mean > 2 * beside:
        return f": {mean / beside:.2g} times as high"
    change = abs(mean / beside - 1)
    if change < _LEAST_CHANGE:
        return f": less than {_LEAST_CHANGE:.1%} apart"
    digits = 0 if change >= 10 * _LEAST_CHANGE else 1
    return f": {change:.{digits}%} {'lower' if mean < beside else 'higher'}"


def _asked(margin: Margin, finding: Finding, unit: str) -> str:
    if finding.region.edges != (0.0,) or margin.factor == 1:
        return f"The claim asks for a mean {with_unit(region_text(margin.region), unit)}."
    than = "lower" if margin.factor < 1 else "higher"
    below = margin.region.low is None
    bound = "more" if below == (margin.factor < 1) else "less"
    return f"The claim asks for {bound} than {100 * abs(1 - margin.factor):.3g}% {than}."


def _compared(claim: ClaimResult, finding: Finding) -> str:
    # `assert not (a < b)`, or a comparison's verdict, asserts something else than its comparison.
    same = finding.verdict == claim.verdict
    region = finding.with_unit(region_text(finding.region))
    claimed = f"{'the claim' if same else 'its comparison'} says {region}"
    if finding.is_exact:
        return f"Every seed gave {finding.with_unit(f'{finding.estimate:.4g}')}; {claimed}."
    where = {
        "supported": "the whole interval is",
        "refuted": "none of the interval is",
        "inconclusive": "part of the interval is",
    }[finding.verdict]
    estimate, low, high = rounded(finding)
    is_share = finding.kind == "share"
    number = "The comparison holds in" if is_share else "The number compared averages"
    found = f"{finding.with_unit(estimate)} (interval {low} to {high})"
    words = f"{number} {found}; {claimed}, and {where}."
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
        "checked": checked,
        "compared": compared,
        "found_text": found_text,
        "figure_svg": figure_svg,
        "forest_row": forest_row,
        "in_words": in_words,
        "interval_text": interval_text,
        "marks": MARKS,
        "mean_and_deviation": mean_and_deviation,
        "p_text": p_text,
        "region_text": region_text,
        "publication": publication,
        "swatches": range(charts.COLOURS),
    }
    return environment
