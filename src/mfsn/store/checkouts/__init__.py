"""What checkouts name: their digests in working trees, git and DVC, and which rows are lost."""
