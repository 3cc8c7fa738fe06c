"""What MFSN searches for: operations and levels of its Fusion Cells."""
