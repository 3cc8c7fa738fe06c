"""Tables of experiments, one command per table and one experiment per row.

Our scores are shown beside the published ones.
"""
