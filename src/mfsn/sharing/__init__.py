"""Features that leave this machine: as one HDF5 file, or by an address that fsspec knows."""
