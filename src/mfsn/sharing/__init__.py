"""Share features with other machines: in one HDF5 file, or at an address that fsspec knows."""
