"""The page of results, from the recorded histories alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attacking.page_elsewhere import ELSEWHERE
from attacking.page_of_people import people_section
from attacking.page_of_use import use_section
from attacking.record import Sums
from attacking.rows import Row
from attacking.verdicts import lives, share, surely_over, verdict

HEAD = """# What attackers can prove

Written by `make attack`; do not edit. Simulated hospitals live behind the real gate, bins and audit; the attackers see what
was published and what each row says they know beside it. Numbers of privacy.md 4 are the pass numbers.

{histories} histories in {hours:.1f} hours of computing. The specification asks for 200 of each attack, spread over its rows
(17 of each of the twelve audited rows of T1 to T3, 34 of each of six, 67 of each of three; 5 of the control of T1 and T3, which
takes long); the column *histories* says how many there are, and a rate of 0 from few tries proves little. A row that has its
share says *pass*, one that has not yet *nothing found so far*. `make attack` goes on where it was broken off.

Two years (104 weeks) are played at one patient a week; at three and eight a week 40 and 16 weeks, which are about as many
patients, because what the audit and the attackers have to compute grows with the square of the versions. Two histories of
104 weeks at three and of 52 weeks at eight a week are rows of their own, once they are played.

FAIL is said of what must never happen, and of a rate that is over its limit by more than chance (1 in 100); a rate that is
over it and may be so by chance says that.
"""

SOLVER = """## T1, T2, T3: integer programmes over every version

The attacker knows every rule and, for T1 and T2, all that somebody of the house may know: whether anybody ever left, that
stages only advance, that results are never taken back, whose results a table holds. T3 is gated for an attacker who knows
the rules and whether anybody left; *from inside* is reported.

Pass: T1 no group of 1..k-1 proven to exist; T2 no such group and at most 0.1 % of shown numbers exact; T3 no batch counted,
at most 2 % proven small (5 % with two-way tables), every visible change of at least m patients.

| hospital | tables | audit | histories | T1 proven of small groups | T2 exact of shown | T3 proven of small batches | from inside | counted | changes of fewer than m | holds of releases | verdict |
|---|---|---|---|---|---|---|---|---|---|---|---|"""

INSIDER = """
## T6: a site of the consortium

Three sites; the attacker is one of them, knows its own exact numbers and how the others work, and has every version of every
table and of the centre's totals and bounds (made by the aggregator's own code). Pass: nothing proven, of one site or of all
who hide a cell. Control: the centre adds up exact numbers and rounds the total (at least 20 % proven).

| hospitals | histories | proven of small groups | verdict |
|---|---|---|---|"""

DRIFT = """
## T13: a policy that changes

At half time bins go from 10 to 30 and the threshold to 45; the attacker reads across. Pass: nothing proven. That no accepted
edit makes a number sharper, and that bins moved by one would, is tested for all edits in `make test`.

| hospital | histories | proven of small groups | exact of shown | verdict |
|---|---|---|---|---|"""

COORDINATOR = """
## T16: whoever writes the study file

A hospital to which nobody comes any more, and a coordinator who knows that three, six or nine of 240 patients are set apart by
something that a cohort can ask for. Twenty versions, one every four weeks, all accepted: a base, people far away from it, the
base with the group, again and again with other bases. Pass: nothing proven. Control: the same cohorts where the gate does
not notice that they are others (at least 50 % proven).

| study file | histories | numbers that moved, of 20 | groups proven to be 1..k-1 | verdict |
|---|---|---|---|---|"""

TWINS = """
The same under the audit, and everything of both: the attacker has every table of the two, knows on which day each was counted,
that stages only advance and results stay, and holds every cell of the one against that of the other. *Admission*: parts of the
group by what is fixed then (three women, say) and the group itself; *later*: parts by stage, result, volume and modality, on each
day on which they were counted; *own*: the small groups of each study itself, as in T1. Pass: nothing proven. Control: two studies
that do not know of each other, without the audit (at least 10 % of admission and 5 % of later proven).

| hospital | histories | releases of both | proven of small parts: admission | later | own | verdict |
|---|---|---|---|---|---|---|"""

STRUCTURES = """
## Many structures in the same patients

Eight structures are sought in everybody within days of the images, one of them is rare. All their tables look at one number, how
many were segmented, so that an attacker of the house knows it well and counts who is without a structure. Pass: nothing proven.
Control: each cell is shown as soon as it holds enough people, however few are beside it (at least 2 % proven).

| hospital | audit | histories | proven of small groups in tables of structures | verdict |
|---|---|---|---|---|"""

CLASSIFIED = """
## A classifier's decisions and how they agree with the truth

A classifier decides on everybody within days of the images, and the truth becomes known of everybody: who was called positive are
the true and the false positives. The attacker of the house holds the two tables against one another. Pass: nothing proven. Control: without the audit (at least 1 %).

| hospital | audit | histories | proven of small groups in both tables | verdict |
|---|---|---|---|---|"""

OVERLAP = """
Two studies of one hospital, the second without such a group, and each waits for the other as the exporter makes it; nobody
leaves, and the reader of both knows that, but not on which day each number was counted. Pass: nothing proven. Control: both
counted on the same days (at least 50 % proven). Of both only the sizes are attacked here, without the audit.

| hospital | histories | versions of both | groups proven to be 1..k-1 | verdict |
|---|---|---|---|---|"""

MUST_MEET = "\nConstraints of the attackers that the truth does not meet: {excluded:.0f} (must be 0).\n"


def page(rows: Sequence[Row], found: Mapping[str, Sums]) -> str:
    """Markdown."""
    there = [sums for row in rows if (sums := found.get(row.id)) is not None]
    hours = sum(sums.seconds for sums in there) / 3600
    excluded = sum(sums["truth_excluded"] for sums in there)
    parts = [
        HEAD.format(histories=sum(sums.histories for sums in there), hours=hours),
        SOLVER,
        *_each(rows, found, {"solved": _solved, "suppressed": _suppressed}),
        MUST_MEET.format(excluded=excluded).rstrip(),
        INSIDER,
        *_each(rows, found, {"insider": _insider, "added": _added}),
        DRIFT,
        *_each(rows, found, {"drift": _drift}),
        COORDINATOR,
        *_each(rows, found, {"coordinator": _coordinator}),
        OVERLAP,
        *_each(rows, found, {"overlap": _overlap, "same_days": _same_days}),
        TWINS,
        *_each(rows, found, {"twins": _twins}),
        STRUCTURES,
        *_each(rows, found, {"structures": _structures, "unguarded": _unguarded}),
        CLASSIFIED,
        *_each(rows, found, {"classified": _classified}),
        *people_section(rows, found),
        *use_section(rows, found),
        ELSEWHERE,
    ]
    return "\n".join(parts)


def _each(rows: Sequence[Row], found: Mapping[str, Sums], lines: Mapping[str, object]) -> Iterator[str]:
    for row in rows:
        line = lines.get(row.kind)
        if callable(line) and row.id in found:
            yield line(row, found[row.id])


def _hospital(row: Row) -> str:
    life = row.about["life"]
    return f"{life.rate} a week, {life.leaving} leave a week, {life.weeks} weeks"  # type: ignore[attr-defined]


def _solved(row: Row, t: Sums) -> str:
    limit = 0.05 if row.about["two_way"] else 0.02
    never = t["small_proven"] + t["small_exact"] + t["changes_of_few"] + t["batches_exact"] + t["truth_excluded"]
    exact, small = (t["shown_exact"], t["shown"], 0.001), (t["batches_proven"], t["batches"], limit)
    failed = never > 0 or surely_over(*exact) or surely_over(*small)
    over = exact[0] > exact[1] * exact[2] or small[0] > small[1] * small[2]
    said = verdict(failed, over, t.histories, row.histories) if row.about["audited"] else "shows what the audit is for"
    return (
        f"| {_hospital(row)} | {'two-way' if row.about['two_way'] else 'one-way'} | {'yes' if row.about['audited'] else 'no'} "
        f"| {t.histories} | {share(t['small_proven'], t['small'])} | {share(t['shown_exact'], t['shown'])} "
        f"| {share(t['batches_proven'], t['batches'])} | {share(t['batches_proven_inside'], t['batches'])} "
        f"| {t['batches_exact']:.0f} | {t['changes_of_few']:.0f} of {t['changes']:.0f} | {t['holds']:.0f} of {t['releases']:.0f} "
        f"| {said} |"
    )


def _suppressed(row: Row, t: Sums) -> str:
    return (
        f"| control: under 8 hidden, rounded to 5, weekly | one-way | none | {t.histories} "
        f"| {share(t['small_proven'], t['small'])} | {share(t['shown_exact'], t['shown'])} "
        f"| {share(t['batches_proven'], t['batches'])} | {share(t['batches_proven_inside'], t['batches'])} "
        f"| {t['batches_exact']:.0f} | | | {lives(t['small_proven'], t['small'], 0.05)} |"
    )


def _insider(row: Row, t: Sums) -> str:
    said = verdict(t["small_proven"] + t["truth_excluded"] > 0, False, t.histories, row.histories)
    return f"| {_hospital(row)} | {t.histories} | {share(t['small_proven'], t['small'])} | {said} |"


def _added(row: Row, t: Sums) -> str:
    said = lives(t["small_proven"], t["small"], 0.2)
    return f"| control: exact numbers added up | {t.histories} | {share(t['small_proven'], t['small'])} | {said} |"


def _drift(row: Row, t: Sums) -> str:
    failed = t["small_proven"] + t["small_exact"] + t["truth_excluded"] > 0
    said = verdict(failed, False, t.histories, row.histories)
    shares = f"{share(t['small_proven'], t['small'])} | {share(t['shown_exact'], t['shown'])}"
    return f"| {_hospital(row)} | {t.histories} | {shares} | {said} |"


def _coordinator(row: Row, t: Sums) -> str:
    shares = _found(t)
    if row.about["unsaid"]:
        return f"| control: nobody notices | {t.histories} | {shares} | {lives(t['proven'], t['groups'], 0.5)} |"
    said = verdict(t["proven"] + t["wrong"] > 0, False, t.histories, row.histories)
    return f"| every version says what it counts | {t.histories} | {shares} | {said} |"


def _overlap(row: Row, t: Sums) -> str:
    said = verdict(t["proven"] + t["wrong"] > 0, False, t.histories, row.histories)
    return f"| {_hospital(row)} | {t.histories} | {_found(t)} | {said} |"


def _same_days(row: Row, t: Sums) -> str:
    return f"| control: every Monday | {t.histories} | {_found(t)} | {lives(t['proven'], t['groups'], 0.5)} |"


def _twins(row: Row, t: Sums) -> str:
    parts = ("fixed", "later", "own")
    shares = " | ".join(share(t[f"{part}_proven"], t[f"{part}_small"]) for part in parts)
    if row.about["told"]:
        said = verdict(any(t[f"{part}_proven"] for part in parts), False, t.histories, row.histories)
    else:
        each = {lives(t[f"{part}_proven"], t[f"{part}_small"], limit) for part, limit in (("fixed", 0.1), ("later", 0.05))}
        said = max(each, key=("lives", "DEAD").index)
    hospital = _hospital(row) if row.about["told"] else "control: neither knows of the other"
    return f"| {hospital} | {t.histories} | {t['versions'] / t.histories:.1f} | {shares} | {said} |"


def _structures(row: Row, t: Sums) -> str:
    said = verdict(t["small_proven"] > 0, False, t.histories, row.histories) if row.about["audited"] else "reported"
    audited = "yes" if row.about["audited"] else "no"
    return f"| {_hospital(row)} | {audited} | {t.histories} | {share(t['small_proven'], t['small'])} | {said} |"


def _classified(row: Row, t: Sums) -> str:
    if row.about["audited"]:
        return _structures(row, t)
    said = lives(t["small_proven"], t["small"], 0.01)
    return f"| control: {_hospital(row)} | no | {t.histories} | {share(t['small_proven'], t['small'])} | {said} |"


def _unguarded(row: Row, t: Sums) -> str:
    said = lives(t["small_proven"], t["small"], 0.02)
    return f"| control: the threshold alone | no | {t.histories} | {share(t['small_proven'], t['small'])} | {said} |"


def _found(t: Sums) -> str:
    return f"{t['versions'] / max(t['groups'], 1):.1f} | {share(t['proven'], t['groups'])}"
