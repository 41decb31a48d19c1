"""One module per alert: file name = alert name = anchor in docs/runbooks.md. `RULE` is what it holds."""
