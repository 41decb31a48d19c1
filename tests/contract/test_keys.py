"""Keys are made once, kept from others, and never shown."""

from pathlib import Path

import pytest

from studyscope_contract.keys import KeyProblem, SigningKey, VerifyingKey


def test_a_key_is_saved_for_its_owner_only_and_never_overwritten(tmp_path: Path) -> None:
    path, key = tmp_path / "key.pem", SigningKey.generate()
    key.save(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.load(path).public == key.public
    with pytest.raises(FileExistsError):
        SigningKey.generate().save(path)


def test_a_key_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    SigningKey.generate().save(path)
    path.chmod(0o644)

    with pytest.raises(KeyProblem, match="chmod 600"):
        SigningKey.load(path)


def test_a_passphrase_protects_the_key(tmp_path: Path) -> None:
    path, key = tmp_path / "key.pem", SigningKey.generate()
    key.save(path, "correct horse")

    assert SigningKey.load(path, "correct horse").public == key.public
    with pytest.raises(KeyProblem, match="wrong passphrase"):
        SigningKey.load(path, "battery staple")


def test_the_repr_shows_nothing_private() -> None:
    assert repr(SigningKey.generate()) == "SigningKey()"


def test_a_fingerprint_is_short_enough_for_the_telephone() -> None:
    fingerprint = SigningKey.generate().public.fingerprint

    assert len(fingerprint.split("-")) == 4
    assert all(len(group) == 4 for group in fingerprint.split("-"))


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:AAAA", "rsa:" + "A" * 44, "ed25519:" + "!" * 44])
def test_a_text_that_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(KeyProblem, match="must be 'ed25519:'"):
        VerifyingKey.parse(text)
