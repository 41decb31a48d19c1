"""What goes wrong around an exporter in a hospital, each with what to do or whom to ask. Nothing here reads of a patient."""
