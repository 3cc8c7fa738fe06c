"""The tables of the paper, one command each: an experiment a row, ours beside the published."""
