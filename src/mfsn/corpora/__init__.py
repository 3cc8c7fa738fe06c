"""Corpora: one reader each, published facts and label maps as data, scanning, manifests, folds."""
