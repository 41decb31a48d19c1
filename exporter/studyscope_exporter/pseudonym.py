"""Keys instead of identifiers: one keyed hash per identifier, under a secret that stays at the site."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

KEY_BYTES = 16


@dataclass(frozen=True)
class Pseudonyms:
    """Turns identifiers into keys of 16 bytes (keyed BLAKE2b, RFC 7693).

    `secret` is 32 random bytes of this site; without it no key can be traced back by trying
    identifiers. `default_issuer` stands in where DICOM has no IssuerOfPatientID (0010,0021).
    """

    secret: bytes = field(repr=False)
    default_issuer: str = ""

    def patient(self, patient_id: str, issuer: str = "") -> bytes:
        """The key of a patient; (IssuerOfPatientID, PatientID) tell patients apart, never the name."""
        return self._key(b"patient", issuer.strip() or self.default_issuer, patient_id.strip())

    def study(self, study_instance_uid: str) -> bytes:
        return self._key(b"study", study_instance_uid.strip())

    def series(self, series_instance_uid: str) -> bytes:
        return self._key(b"series", series_instance_uid.strip())

    def instance(self, sop_instance_uid: str) -> bytes:
        return self._key(b"instance", sop_instance_uid.strip())

    def job(self, *identity: str) -> bytes:
        return self._key(b"job", *identity)

    def path(self, path: bytes) -> bytes:
        """The key of a folder or file, so that a path can be looked up without being stored."""
        return hashlib.blake2b(path, digest_size=KEY_BYTES, key=self.secret, person=b"path").digest()

    def _key(self, kind: bytes, *parts: str) -> bytes:
        digest = hashlib.blake2b(digest_size=KEY_BYTES, key=self.secret, person=kind)
        for part in parts:  # each with its length, so that no two lists of parts share a text
            text = part.encode("utf-8", "surrogateescape")
            digest.update(len(text).to_bytes(4, "big") + text)
        return digest.digest()
