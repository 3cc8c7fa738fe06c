"""Looking ahead and looking back: what a run will take, and why rows have the keys they have."""
