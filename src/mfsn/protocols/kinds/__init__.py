"""The protocols of mfsn; protocols that differ in one word share a module."""
