"""Papers for people outside: numbers for a slide, and the passport of a model."""
