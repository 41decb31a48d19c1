"""The centre: accepts reports, keeps them and federates them into Prometheus."""
