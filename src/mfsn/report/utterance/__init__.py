"""What is known about one utterance: its features, its prediction, its picture."""
