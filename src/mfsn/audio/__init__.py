"""From recordings to waves: decoding, MP4, pitch."""
