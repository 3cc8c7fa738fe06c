"""The demo corpus: what is said, with which voices, and how eSpeak NG speaks it."""
