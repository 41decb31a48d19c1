"""Disclosure control: from exact contributions of patients to the one report that may leave (privacy.md)."""
