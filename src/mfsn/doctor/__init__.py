"""Checks before a run (`mfsn doctor`), and explanations of row keys (`mfsn cache why`)."""
