"""The networks: tensors in, tensors out. `mfsn.models.inputs` says what a batch is."""
