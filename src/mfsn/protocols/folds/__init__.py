"""Fold files that are shipped with mfsn. They are code of the protocol that reads them alone."""
