"""One module per extractor, and what several of them share."""
