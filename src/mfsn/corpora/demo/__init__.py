"""The demo corpus: what it says, in which voices, and how eSpeak NG speaks it."""
