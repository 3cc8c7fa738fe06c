"""Systems that fit a linear model on one vector per utterance."""
