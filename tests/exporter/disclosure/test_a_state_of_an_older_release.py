from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from disclosure_cast import FACTS, POPULATION, STATE_KEY, Hospital, opened, vectors
from studyscope_exporter.disclosure.errors import DomainProblem
from studyscope_exporter.disclosure.state_file import FAMILY, KEY_NAME_BYTES, MAGIC, NONCE_BYTES

DOMAIN = b"berlin/liver-study"
SINCE_FORMAT_2 = {"generation", "activity", "overtaken", "policies", "approvers"}
OF_A_TABLE = {"leaving_since", "retired", "reopen_over", "signed_since", "signed_before"}
OF_A_VERSION = 6  # key, epoch, codes, shown, exact and patients


def as_format(number: int, raw: bytes) -> bytes:
    """The same state as a release of that format wrote it."""
    size = len(MAGIC) + KEY_NAME_BYTES
    head, nonce, sealed = raw[:size], raw[size : size + NONCE_BYTES], raw[size + NONCE_BYTES :]
    line, _, columns = zlib.decompress(ChaCha20Poly1305(STATE_KEY).decrypt(nonce, sealed, head + DOMAIN)).partition(b"\n")
    content = json.loads(line)
    for release in content["history"]:
        release["tables"] = [version[:OF_A_VERSION] for version in release["tables"]]
    if number == 1:
        content = {name: value for name, value in content.items() if name not in SINCE_FORMAT_2}
        content["tables"] = {
            key: {name: value for name, value in table.items() if name not in OF_A_TABLE}
            for key, table in content["tables"].items()
        }
    old = FAMILY + b"%d\n" % number + head[len(MAGIC) :]
    packed = zlib.compress(json.dumps(content).encode() + b"\n" + columns)
    return old + nonce + ChaCha20Poly1305(STATE_KEY).encrypt(nonce, packed, old + DOMAIN)


@pytest.fixture(params=[1, 2])
def older(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, Hospital]:
    hospital = Hospital()
    hospital.admit(60, sex="F")
    with opened(tmp_path) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
    (state,) = [path for path in tmp_path.iterdir() if path.read_bytes().startswith(MAGIC)]
    state.write_bytes(as_format(request.param, state.read_bytes()))
    return tmp_path, hospital


def test_it_goes_on_where_it_was(older: tuple[Path, Hospital]) -> None:
    folder, hospital = older
    with opened(folder) as domain:
        status = domain.status()
        again = domain.release(hospital.contributions(), FACTS, 101)
    assert status.frozen is None
    assert again.report.sequence == 2
    assert vectors(again)[POPULATION] == {(): 60}


def test_a_state_of_a_newer_release_is_left_as_it_is_in_clear_words(older: tuple[Path, Hospital]) -> None:
    folder, _ = older
    (state,) = [path for path in folder.iterdir() if path.read_bytes().startswith(FAMILY)]
    newer = FAMILY + b"9\n" + state.read_bytes()[len(MAGIC) :]
    state.write_bytes(newer)
    with pytest.raises(DomainProblem, match="of a newer release"), opened(folder):
        pass
    assert state.read_bytes() == newer
