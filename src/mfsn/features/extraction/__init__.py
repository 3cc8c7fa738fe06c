"""How an extractor is run over the segments of a corpus and fills the store."""
