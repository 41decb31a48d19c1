"""HTTP routes, one module per subject; each takes a `Wiring` from the application and holds no state."""
