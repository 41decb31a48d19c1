"""The site's keys: what signs its reports, what tells its patients apart, what encrypts its state.

IdentityProblem      the keys are missing, unreadable or of the wrong size
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from studyscope_contract.key_change import KeyChange
from studyscope_contract.keys import KeyProblem, SigningKey
from studyscope_exporter.key_folder import SIGNING_KEY, changes_made

SITE_SECRET = "site.secret"  # noqa: S105 - the name of a file


class IdentityProblem(Exception):
    """The site's keys cannot be used; the message says what to do."""


@dataclass(frozen=True)
class SiteIdentity:
    """The keys of one site. The secret never leaves this object but as keys derived from it.

    `key_changes` lead from the site's first signing key to this one.
    """

    signing_key: SigningKey
    _secret: bytes = field(repr=False)
    key_changes: tuple[KeyChange, ...] = ()

    @classmethod
    def create(cls, folder: Path) -> SiteIdentity:
        """Makes the keys that are missing in `folder`; those that are there stay as they are.

        Raises IdentityProblem where a site that had a signing key lost it.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / SIGNING_KEY).exists():
            if (folder / SITE_SECRET).exists():
                raise IdentityProblem(
                    f"{folder / SIGNING_KEY} is not there, but this site had one: put it back from your backup, "
                    "or make another that follows it with: key new --without-old REASON"
                )
            SigningKey.generate().save(folder / SIGNING_KEY)
        if not (folder / SITE_SECRET).exists():
            descriptor = os.open(folder / SITE_SECRET, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(file.fileno())
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> SiteIdentity:
        path = folder / SITE_SECRET
        try:
            mode, secret = path.stat().st_mode, path.read_bytes()
            signing_key, changes = SigningKey.load(folder / SIGNING_KEY), changes_made(folder)
        except OSError as error:
            raise IdentityProblem(
                f"{path}: {error.strerror}. New site: run studyscope-exporter keygen. "
                "Else put the keys back from your backup: new keys cannot read the old state"
            ) from None
        except KeyProblem as problem:
            raise IdentityProblem(str(problem)) from None
        if mode & 0o077:
            raise IdentityProblem(f"{path}: others can read this secret; run: chmod 600 {path}")
        if len(secret) != 32:
            raise IdentityProblem(f"{path}: holds {len(secret)} bytes, not 32; put it back from your backup")
        return cls(signing_key, secret, changes)

    def derived(self, purpose: str) -> bytes:
        """32 bytes for one purpose (HKDF-SHA256, RFC 5869); equal purposes give equal keys."""
        return HKDF(SHA256(), 32, salt=None, info=f"studyscope {purpose}".encode()).derive(self._secret)
