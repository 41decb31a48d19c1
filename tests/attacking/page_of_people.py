"""T4, T5 on the page of results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attacking.record import Sums
from attacking.rows import PRIORS, UNKNOWN, Row
from attacking.verdicts import ENOUGH_TARGETS, lives, surely_over, verdict

HEAD = """
## T4, T5: one person

T4: the attacker knows everybody's sex but that of the target and of so many batch-mates. Pass with 9 unknown: at most 0.5 %
of targets certain (over 0.99), accuracy at most 0.05 over the prior of 0.55. With fewer unknown it is reported, not gated:
against somebody who knows all the others only differential privacy helps. Control (in `make test`): exact numbers give the
last unknown person away every time.

T5: the attacker knows the exact size and day of the version before, how often patients come and on which day the target
came to the hospital. Pass: at most 2 % of targets certain (over 0.95). Control: exact numbers at every scrape.

| patients a week | attack | histories | targets | certain | accuracy over the prior | mean posterior of members | verdict |
|---|---|---|---|---|---|---|---|"""


def people_section(rows: Sequence[Row], found: Mapping[str, Sums]) -> Iterator[str]:
    """Every attack with each rate, then the control."""
    yield HEAD
    for what in (*(f"T4, {unknown} unknown" for unknown in UNKNOWN), *(f"T5, prior {prior}" for prior in PRIORS)):
        for row in rows:
            if row.kind == "guessed" and row.id in found:
                life = row.about["life"]
                yield _line(str(life.rate), what, found[row.id], _verdict)  # type: ignore[attr-defined]
    for row in rows:
        if row.kind == "scraped" and row.id in found:
            yield _line(
                "control",
                "T5, prior 0.5",
                found[row.id],
                lambda what, sums: lives(sums[f"{what}: certain"], sums[f"{what}: targets"], 1.0),
            )


def _line(rate: str, what: str, sums: Sums, said: object) -> str:
    targets, members = sums[f"{what}: targets"], sums[f"{what}: members"]
    certain = 100 * sums[f"{what}: certain"] / max(targets, 1)
    gain = (sums[f"{what}: right"] - sums[f"{what}: guess"]) / max(targets, 1)
    mean = sums[f"{what}: posterior"] / max(members, 1)
    assert callable(said)
    return f"| {rate} | {what} | {sums.histories} | {targets:.0f} | {certain:.2f} % | {gain:+.3f} | {mean:.2f} | {said(what, sums)} |"


def _verdict(what: str, sums: Sums) -> str:
    targets, certain = sums[f"{what}: targets"], sums[f"{what}: certain"]
    if targets < ENOUGH_TARGETS:
        return "too few targets to say"
    if what.startswith("T5"):
        return verdict(surely_over(certain, targets, 0.02), certain > 0.02 * targets, int(targets), ENOUGH_TARGETS)
    if "9 unknown" not in what:
        return "reported"
    gain = (sums[f"{what}: right"] - sums[f"{what}: guess"]) / targets
    swing = 2.33 * (0.25 / targets) ** 0.5  # one chance in a hundred
    failed = surely_over(certain, targets, 0.005) or gain > 0.05 + swing
    return verdict(failed, certain > 0.005 * targets or gain > 0.05, int(targets), ENOUGH_TARGETS)
