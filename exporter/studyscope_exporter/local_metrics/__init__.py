"""How the exporter itself does, for the hospital's own Prometheus: off unless configured, never published, no patients in it."""
