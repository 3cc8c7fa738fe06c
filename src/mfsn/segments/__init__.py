"""How utterances are cut, and which waves extractors are given."""
