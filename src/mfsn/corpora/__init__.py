"""Corpora, their label maps, and the protocols that split them."""
