"""One module for each extractor."""
