"""What is cached of one utterance, as text and as a picture."""
