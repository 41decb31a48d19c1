"""Settings of the demo's programs, written as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


class _Repeating(yaml.SafeDumper):
    """Writes a value that occurs twice twice: the files' reader takes no aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def write_yaml(path: Path, content: dict[str, Any]) -> None:
    """Replaces what is at `path`."""
    text = yaml.dump(content, Dumper=_Repeating, sort_keys=False, allow_unicode=True, width=120)
    path.write_text(text, encoding="utf-8")
