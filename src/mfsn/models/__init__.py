"""The networks: tensors in, tensors out. What a batch holds is fixed in `mfsn.models.inputs`."""
