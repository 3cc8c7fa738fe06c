"""Extractors: waves in, one row of arrays a segment or utterance out."""
