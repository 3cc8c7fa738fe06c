"""Running an extractor over the segments of a corpus, into the store."""
