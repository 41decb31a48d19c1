"""The local inventory: what the sources of one hospital hold, exact and never leaving it."""

from studyscope_exporter.inventory.errors import (
    InventoryDamaged,
    InventoryError,
    InventoryTooNew,
    UnknownNumber,
    WrongInventoryKey,
)
from studyscope_exporter.inventory.inventory import Inventory
from studyscope_exporter.inventory.reading import Reading, Record

__all__ = [
    "Inventory",
    "InventoryDamaged",
    "InventoryError",
    "InventoryTooNew",
    "Reading",
    "Record",
    "UnknownNumber",
    "WrongInventoryKey",
]
