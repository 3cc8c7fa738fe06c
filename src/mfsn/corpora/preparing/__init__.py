"""From a corpus folder to a manifest: list, decode, check and join."""
