"""Numbers for a slide: one page that needs nothing else, with coverage, bounds, definitions and a line to cite."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

from studyscope_aggregator.overview import POPULATION, STATE_WORDS
from studyscope_aggregator.papers.as_known import KnownStudy
from studyscope_aggregator.papers.paper_template import paper_template
from studyscope_aggregator.papers.rows import Block, Row, as_csv, blocks
from studyscope_contract.catalogue.centre import SITE_STATES


@dataclass(frozen=True)
class Slide:
    """The files of one paper; the same bytes whenever it is asked for again."""

    html: str
    csv: str


def slide(known: KnownStudy) -> Slide:
    """The paper of one study."""
    found = blocks(known)
    table = as_csv(known, found)
    states = Counter(one.state for one in known.members)
    html = paper_template("slide.html").render(
        known=known,
        study=known.study,
        moments=known.moments,
        population=_population(found),
        blocks=[block for block in found if block.key != POPULATION],
        expected=sum(one.expected for one in known.members),
        target=_target(known),
        states=[(STATE_WORDS[state], states[state]) for state in SITE_STATES if states[state]],
        citation=citation(known, table),
    )
    return Slide(html, table)


def citation(known: KnownStudy, table: str) -> str:
    """Names the numbers so that whoever asks again can see that they are the same."""
    study, moments = known.study, known.moments
    file = f"study file version {study.version} ({'signed' if known.signed else 'not signed'}, SHA-256 {known.file_sha256[:16]})"
    return (
        f"{study.title} ({study.id}), numbers of {moments.words} as known at {moments.known.isoformat()}; {file}; "
        f"Studyscope report, table SHA-256 {hashlib.sha256(table.encode()).hexdigest()[:16]}."
    )


def _population(found: list[Block]) -> Row | None:
    return next((block.rows[0] for block in found if block.key == POPULATION), None)


def _target(known: KnownStudy) -> int:
    day = known.moments.day
    return sum(target.patients for one in known.members if one.expected and (target := one.site.target(day)))
