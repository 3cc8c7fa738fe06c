"""Basic helpers that all other rooms use: files, hashes, quantities, fingerprints."""
