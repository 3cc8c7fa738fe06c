"""The feature cache: rows with content keys, in shards that are written once and committed."""
