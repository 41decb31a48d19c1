"""Passwords and tokens: named in the site file, kept in a file or the environment."""

from __future__ import annotations

import os
from typing import Self

from pydantic import Field, model_validator

from studyscope_contract.yaml_file import Strict
from studyscope_exporter.site_path import SitePath

_LONGEST = 64 * 1024


class SecretProblem(Exception):
    """A secret is not where the site file says; the message tells site IT what to do."""


class Secret(Strict):
    """Where a secret is; never the secret itself, so that no repr and no log can hold it."""

    file: SitePath | None = Field(default=None, description="file that holds nothing else; readable by the exporter's user only")
    environment: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="environment variable")

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        if (self.file is None) == (self.environment is None):
            raise ValueError("say either `file` or `environment`")
        return self

    def read(self) -> str:
        """The secret as it is now, without blanks around it; raises SecretProblem."""
        if self.environment is not None:
            secret = os.environ.get(self.environment, "").strip()
            if not secret:
                raise SecretProblem(f"the environment variable {self.environment} is not set; set it for the exporter's service")
            return secret
        assert self.file is not None
        try:
            if self.file.stat().st_mode & 0o007:
                raise SecretProblem(f"everybody can read {self.file}; run: chmod 640 {self.file}")
            with self.file.open("rb") as file:
                secret = file.read(_LONGEST).decode("utf-8").strip()
        except OSError as error:
            raise SecretProblem(f"{self.file} cannot be read ({error.strerror}); put the secret there") from None
        except UnicodeDecodeError:
            raise SecretProblem(f"{self.file} is no text; put the secret there and nothing else") from None
        if not secret:
            raise SecretProblem(f"{self.file} is empty; put the secret there")
        return secret
