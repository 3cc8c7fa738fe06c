"""From a corpus folder to a manifest: listing, decoding, checking, joining."""
