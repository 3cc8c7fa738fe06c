"""From recordings to emotions, with the models of an experiment."""
