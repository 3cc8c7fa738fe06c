"""The feature cache: content-addressed rows in write-once Zarr shards."""
