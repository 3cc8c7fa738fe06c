"""What the frame weights of co-attention follow, as numbers and as a picture."""
