"""What people look at: the report page of an experiment, and the picture of one utterance."""
