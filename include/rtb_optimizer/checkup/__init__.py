"""Are the surroundings such that runs can succeed? Each is measured here, and judged in core/diagnosis.py."""
