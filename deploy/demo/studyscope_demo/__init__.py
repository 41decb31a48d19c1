"""A consortium that lives on one machine: made-up hospitals, real programs, real files, a clock of its own."""
