"""Extractors: they make rows of waves or texts, one per segment, utterance or text."""
