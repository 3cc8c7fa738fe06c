"""What everything stands on: files, hashes, quantities, fingerprints."""
