"""How far two segmentations of one image agree, and what kind of error tells them apart.

Numbers only: arrays in, measures out. Definitions follow Maier-Hein et al., "Metrics reloaded", Nature Methods 21 (2024).
"""
