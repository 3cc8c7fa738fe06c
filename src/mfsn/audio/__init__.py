"""Recordings into waves: decoding, MP4, pitch."""
