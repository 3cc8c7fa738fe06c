"""All finished runs in one short table (`mfsn results`)."""
