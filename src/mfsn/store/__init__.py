"""The feature cache: write-once shards of rows with content keys, commit markers, and readers."""
