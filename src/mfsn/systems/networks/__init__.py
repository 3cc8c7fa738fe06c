"""Systems that train a network on cached features."""
