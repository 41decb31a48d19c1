"""The client for the centre that a site file names."""

from __future__ import annotations

from studyscope_exporter.delivery.push import CentreClient
from studyscope_exporter.settings import Centre


def client_of(centre: Centre) -> CentreClient:
    return CentreClient(
        centre.url,
        ca_file=centre.ca_file,
        proxy=centre.proxy,
        timeout_seconds=centre.timeout_seconds,
        keys=centre.verifying,
    )
