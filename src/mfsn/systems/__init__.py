"""The systems: what each of them trains, and how."""
