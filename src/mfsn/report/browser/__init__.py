"""The page of `mfsn inspect --html`: what it contains and how it is built."""
