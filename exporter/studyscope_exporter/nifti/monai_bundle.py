"""What a MONAI bundle says of the label maps that it makes: configs/metadata.json (MONAI Bundle Specification)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studyscope_exporter.nifti.label_names import MOST_JSON_BYTES, BadLabelTable, named_labels

_LONGEST = 64


class BadBundle(ValueError):
    """A folder that is no bundle, or one whose output is no label map; the message says what to do."""


@dataclass(frozen=True)
class Bundle:
    """Name and version of the model, and its labels as in the first dataset.json of nnU-Net: number to name."""

    name: str
    version: str
    labels: Mapping[str, str]


def read_bundle(folder: Path) -> Bundle:
    """From `network_data_format.outputs.pred.channel_def`, whose channel 0 is the background. Raises BadBundle."""
    path = folder / "configs" / "metadata.json"
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_JSON_BYTES + 1)
    except OSError as error:
        raise BadBundle(f"{path} cannot be read ({error.strerror}); is `bundle` the folder that holds configs/?") from None
    try:
        content = json.loads(raw.decode("utf-8-sig")) if len(raw) <= MOST_JSON_BYTES else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise BadBundle(f"{path} is not JSON in UTF-8, or larger than 16 MiB")
    channels = _within(content, "network_data_format", "outputs", "pred", "channel_def")
    labels = channels if isinstance(channels, dict) else {}
    try:
        if _text(labels.get("0")).casefold() != "background" or not named_labels(labels):
            raise BadLabelTable
    except BadLabelTable:
        raise BadBundle(f"{path} names no label map with channel 0 as background; say `labels` and leave `bundle` out") from None
    return Bundle(_text(content.get("name")), _text(content.get("version")), labels)


def _within(content: Any, *names: str) -> Any:
    for name in names:
        content = content.get(name) if isinstance(content, dict) else None
    return content


def _text(value: object) -> str:
    return value.strip()[:_LONGEST] if isinstance(value, str) else ""
