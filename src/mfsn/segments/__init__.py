"""How utterances are cut, and what an extractor hears of them."""
