"""A plug-in of mfsn: what an outside developer would write."""
