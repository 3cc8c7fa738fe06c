"""Which frames co-attention weighs, as numbers and as a picture."""
