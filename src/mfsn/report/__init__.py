"""What people look at: the report page and pictures of utterances."""
