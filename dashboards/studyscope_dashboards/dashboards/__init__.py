"""One module per dashboard: file name = uid. `dashboard()` builds it."""
