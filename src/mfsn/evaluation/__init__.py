"""From segment posteriors to utterance decisions, and from decisions to scores."""
