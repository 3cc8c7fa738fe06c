"""Work on a Ray cluster: reaching it, checking its nodes, and workers that are replaced."""
