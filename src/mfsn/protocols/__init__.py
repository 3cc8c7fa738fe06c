"""How a corpus is divided into folds."""
