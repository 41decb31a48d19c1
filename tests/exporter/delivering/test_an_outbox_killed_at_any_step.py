"""kill -9 at every system call with which an outbox moves: a report waits, is delivered or is refused, whole and once (T12)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aggregator_cast import a_report
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import SignedReport
from studyscope_exporter.delivery.outbox import Outbox

KILLED_AT_EACH_CALL = """
import itertools, os, signal, sys
from pathlib import Path
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import SignedReport
from studyscope_exporter.delivery.outbox import Outbox

step, folder = sys.argv[1], Path(sys.argv[2])
signed, key = SignedReport.from_bytes((folder / "report").read_bytes()), SigningKey.load(folder / "key.pem")
STEPS = {
    "put": lambda outbox: outbox.put(signed),
    "delivered": lambda outbox: outbox.delivered(outbox.waiting()[0], "receipt"),
    "refused": lambda outbox: outbox.refused(outbox.waiting()[0], "reason"),
    "signed again": lambda outbox: outbox.sign_again(key),
}

def dies_at(last):
    calls = itertools.count(1)
    def dying(real):
        def call(*arguments, **named):
            if next(calls) == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)
        return call
    for name in ("open", "fsync", "rename", "replace", "close"):
        setattr(os, name, dying(getattr(os, name)))

for last in itertools.count(1):
    outbox = Outbox(folder / str(last))
    if step != "put":
        outbox.put(signed)
    child = os.fork()
    if not child:
        dies_at(last)
        STEPS[step](outbox)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""
KEY, NEXT_KEY = SigningKey.generate(), SigningKey.generate()


@pytest.mark.parametrize("step", ["put", "delivered", "refused", "signed again"])
def test_every_step_is_done_or_not_and_can_be_done_again(tmp_path: Path, step: str) -> None:
    signed = SignedReport.sign(a_report(sequence=7), KEY)
    (tmp_path / "report").write_bytes(signed.to_bytes())
    NEXT_KEY.save(tmp_path / "key.pem")
    subprocess.run([sys.executable, "-c", KILLED_AT_EACH_CALL, step, str(tmp_path)], check=True)

    tried = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(tried) > 1, "it was killed at no call, so nothing was tried"
    for folder in tried:
        assert_whole_and_once(folder, signed, perhaps_not=step == "put")
        done_again(Outbox(folder), signed, step)
        assert_whole_and_once(folder, signed)


def assert_whole_and_once(folder: Path, signed: SignedReport, *, perhaps_not: bool = False) -> None:
    found = [SignedReport.from_bytes(path.read_bytes()) for path in folder.glob("*/[0-9]*.json")]
    assert len(found) == 1 or (perhaps_not and not found)
    for kept in found:
        assert kept.report == signed.report
        assert any(kept.is_signed_by(key.public) for key in (KEY, NEXT_KEY))


def done_again(outbox: Outbox, signed: SignedReport, step: str) -> None:
    """What the exporter does when it is started anew: what was released is put again, what waits is sent again."""
    outbox.put(signed)
    if step == "signed again":
        outbox.sign_again(NEXT_KEY)
    for waiting in outbox.waiting():
        if step == "delivered":
            outbox.delivered(waiting, "receipt")
        if step == "refused":
            outbox.refused(waiting, "reason")
    assert outbox.last_delivered() == (7 if step == "delivered" else None)
    assert outbox.receipt(7) == ("receipt" if step == "delivered" else None)
    assert outbox.refusals() == ({7: "reason"} if step == "refused" else {})
