"""The centre's answers to reports that it did not take over our own line: brought in a file, or when it fetched them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from studyscope_contract.file_delivery import Answered
from studyscope_contract.keys import VerifyingKey
from studyscope_contract.receipt import ReceiptProblem, SignedReceipt
from studyscope_exporter.delivery.outbox import Outbox
from studyscope_exporter.delivery.push import SET_ASIDE


@dataclass(frozen=True)
class Settled:
    """How many reports count as delivered now, and what is wrong with others, in words."""

    delivered: int
    problems: tuple[str, ...]


def settle(outbox: Outbox, answers: Iterable[Answered], keys: Sequence[VerifyingKey]) -> Settled:
    """Delivered is what has the centre's receipt for exactly its bytes; refused for good is set aside with its words."""
    by_report, delivered, problems = {one.sha256: one for one in answers}, 0, []
    for report in outbox.waiting():
        raw = report.read()
        answer = by_report.get(hashlib.sha256(raw).hexdigest())
        if answer is None:
            continue
        if not answer.is_taken:
            problems.append(f"report {report.sequence} was refused: {answer.text}")
            if answer.status in SET_ASIDE:
                outbox.refused(report, answer.text)
            continue
        try:
            receipt = SignedReceipt.for_report(answer.text.encode(), raw, keys)
        except ReceiptProblem as problem:
            problems.append(f"report {report.sequence} keeps waiting: {problem}")
            continue
        outbox.delivered(report, receipt.to_bytes().decode())
        delivered += 1
    return Settled(delivered, tuple(problems))
