"""The page of `mfsn inspect --html`: what goes into it, and how it is put together."""
