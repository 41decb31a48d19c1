"""The page of results, from the results alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from attacking.__main__ import Guessed, Results, Solved
    from attacking.on_versions import Tally
    from attacking.utility import Utility

HEAD = """# What attackers can prove

Written by `make attack`; do not edit. Simulated hospitals live behind the real gate, bins and audit; the
attackers see what was published and what each row says they know beside it. Numbers of privacy.md 4 are the pass numbers.

This run took {minutes:.1f} minutes{broken_off}. A row has as many histories as its share of the time allowed: fewer than 200 say so
in the column *histories*, and a rate of 0 from few tries proves little. `make attack ATTACK_MINUTES=240` gives more.
"""

ENOUGH_HISTORIES, ENOUGH_TARGETS = 200, 200


def page(results: Results) -> str:
    """Markdown."""
    broken_off = f" and was broken off with {results.open_rows} rows open" if results.open_rows else ""
    parts = [
        HEAD.format(minutes=results.minutes, broken_off=broken_off),
        *_solver(results),
        *_people(results),
        *_useful(results),
        NOT_HERE,
    ]
    return "\n".join(parts)


def _solver(results: Results) -> Iterator[str]:
    yield """## T1, T2, T3: integer programmes over every version

The attacker knows every rule and, for T1 and T2, all that somebody of the house may know: whether anybody ever left, that
stages only advance, that results are never taken back, whose results a table holds. T3 is gated for an attacker who knows
the rules and whether anybody left; *from inside* is reported.

Pass: T1 no group of 1..k-1 proven to exist; T2 no such group and at most 0.1 % of shown numbers exact; T3 no batch counted,
at most 2 % proven small (5 % with two-way tables), every visible change of at least m patients.
"""
    yield (
        "| hospital | tables | audit | histories | T1 proven of small groups | T2 exact of shown | T3 proven of small batches "
        "| from inside | counted | changes of fewer than m | holds of releases | verdict |"
    )
    yield "|" + "---|" * 12
    for one in sorted(results.solved, key=lambda row: (row.two_way, not row.audited, row.life.rate, row.life.leaving)):
        yield _solved_row(one)
    for control in results.control:
        yield _control_row(control)
    excluded = sum(one.truth_excluded for one in [*(row.tally for row in results.solved), *results.control])
    yield f"\nConstraints of the attackers that the truth does not meet: {excluded} (must be 0).\n"


def _control_row(control: Tally) -> str:
    return (
        f"| control: under 8 hidden, rounded to 5, weekly | one-way | none | {control.histories} "
        f"| {_share(control.small_proven, control.small)} | {_share(control.shown_exact, control.shown)} "
        f"| {_share(control.batches_proven, control.batches)} | {_share(control.batches_proven_inside, control.batches)} "
        f"| {control.batches_exact} | | | {'lives' if control.small_proven >= 0.05 * control.small else 'DEAD'} |"
    )


def _solved_row(one: Solved) -> str:
    t, kind = one.tally, "two-way" if one.two_way else "one-way"
    limit = 0.05 if one.two_way else 0.02
    passed = t.small_proven == 0 and t.shown_exact <= 0.001 * t.shown and t.changes_of_few == 0
    passed = passed and t.batches_exact == 0 and t.batches_proven <= limit * t.batches and t.truth_excluded == 0
    held = "pass" if t.histories >= ENOUGH_HISTORIES else "nothing found so far"
    verdict = (held if passed else "FAIL") if one.audited else "shows what the audit is for"
    return (
        f"| {one.life.rate} a week, {one.life.leaving} leave a week, {one.life.weeks} weeks | {kind} "
        f"| {'yes' if one.audited else 'no'} | {t.histories} | {_share(t.small_proven, t.small)} | {_share(t.shown_exact, t.shown)} "
        f"| {_share(t.batches_proven, t.batches)} | {_share(t.batches_proven_inside, t.batches)} | {t.batches_exact} "
        f"| {t.changes_of_few} of {t.changes} | {t.holds} of {t.releases} | {verdict} |"
    )


def _share(hits: int, tries: int) -> str:
    return f"{hits} of {tries}" + (f" ({100 * hits / tries:.1f} %)" if tries else "")


def _people(results: Results) -> Iterator[str]:
    yield """## T4, T5: one person

T4: the attacker knows everybody's sex but that of the target and of so many batch-mates. Pass with 9 unknown: at most 0.5 %
of targets certain (over 0.99), accuracy at most 0.05 over the prior of 0.55. With fewer unknown it is reported, not gated:
against somebody who knows all the others only differential privacy helps. Control (in `make test`): exact numbers give the
last unknown person away every time.

T5: the attacker knows the exact size and day of the version before, how often patients come and on which day the target
came to the hospital. Pass: at most 2 % of targets certain (over 0.95). Control (in `make test`): exact numbers at every scrape.
"""
    yield "| patients a week | attack | targets | certain | accuracy over the prior | mean posterior of members | verdict |"
    yield "|" + "---|" * 7
    for one in sorted(results.guessed, key=lambda row: (row.what[:2], row.life.rate)):
        r = one.result
        yield (
            f"| {one.life.rate} | {one.what} | {r.targets} | {100 * r.certain:.2f} % | {r.gain:+.3f} "
            f"| {r.mean_if_true:.2f} | {_verdict(one)} |"
        )


def _verdict(one: Guessed) -> str:
    if one.result.targets < ENOUGH_TARGETS:
        return "too few targets to say"
    if one.what.startswith("T5"):
        return "pass" if one.result.certain <= 0.02 else "FAIL"
    if "9 unknown" not in one.what:
        return "reported"
    # With few targets the accuracy swings by chance; two standard errors are allowed for.
    swing = 2 * (0.25 / max(one.result.targets, 1)) ** 0.5
    return "pass" if one.result.certain <= 0.005 and one.result.gain <= 0.05 + swing else "FAIL"


def _useful(results: Results) -> Iterator[str]:
    yield """
## What protection costs

Two years, two hospitals a field: mean distance of the shown size from the true size of the day (patients) / weeks between
updates / share of patients who are in shown cells of sex, age, vendor and stage. `-`: never shown.
"""
    rates = sorted({rate for _, rate in results.useful})
    yield "| preset | " + " | ".join(f"{rate} a week" for rate in rates) + " |"
    yield "|---|" + "---|" * len(rates)
    for preset in dict.fromkeys(name for name, _ in results.useful):
        fields = [results.useful.get((preset, rate)) for rate in rates]
        yield f"| {preset} | " + " | ".join("not measured" if one is None else _field(one) for one in fields) + " |"


def _field(measured: list[Utility]) -> str:
    means = []
    for values in (
        [one.error for one in measured],
        [one.weeks_between for one in measured],
        [one.in_shown_cells for one in measured],
    ):
        there = [value for value in values if not np.isnan(value)]
        means.append(float(np.mean(there)) if there else None)
    error, weeks, share = means
    if error is None or share is None:
        return "-"
    return f"{error:.1f} / {'-' if weeks is None else f'{weeks:.1f}'} / {100 * share:.0f} %"


NOT_HERE = """
## What was found

- Where nobody leaves and results never change, outcomes gave small groups away: a cell of a sensitive table (outcome, missing
  structure) is shown only while not everybody is in it, so that seeing it says that somebody is not. The audit now knows
  that cells may only grow and holds such releases. The price is many holds, above all at small sites: the column *holds*.
- Somebody who also knows that a version of the stages has at least m people who moved on proves more batches small
  (*from inside*) than from outside, near the limit of 2 %.

## Attacks that run elsewhere

T7, T8, T10, T11, T12 and T17 (the scraped page of a real centre, in every format) run with `make test` (`tests/attack`, `tests/exporter/disclosure`), each with its control.

**Not attacked yet:** T6 (several sites and an insider), T9 (ratios), T13 (policy drift), T16 (overlapping studies and an
adversarial coordinator), the reader attacker, T18 (cost). Until they are, a data-protection
officer should refuse a second study over the same patients, and treat a change of policy as not covered by this page.
"""
