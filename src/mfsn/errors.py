"""Every error that mfsn raises on purpose.

Each class is also the built-in exception that a caller would catch, and each message says what
is wrong, where, and what to do next. Anything that reaches a user without being one of these is a
bug of mfsn. The command line and the stages print the message alone and exit with `exit_status`.
"""

from __future__ import annotations


class MfsnError(Exception):
    """Root of the tree; `exit_status` is what the command line and the stages exit with."""

    exit_status = 1


class ConfigError(MfsnError, ValueError):
    """A parameter is unknown, misspelt, of the wrong type or out of range."""

    exit_status = 2


class UndeclaredParameterError(MfsnError, LookupError):
    """A stage reads a section of params.yaml that its entry in dvc.yaml does not declare."""


class WorkspaceError(MfsnError, FileNotFoundError):
    """The current folder does not lie in a checkout of mfsn (no dvc.yaml above it)."""

    exit_status = 2


class CorpusError(MfsnError, ValueError):
    """A corpus is missing, empty, incomplete, or contradicts itself."""


class AudioError(MfsnError, ValueError):
    """A file cannot be decoded, is empty, or holds values that are not numbers."""


class ManifestError(MfsnError, ValueError):
    """A table between stages breaks its schema (duplicate id, missing column, wrong type)."""


class ProtocolError(MfsnError, ValueError):
    """Folds cannot be made as asked: shared speakers, a class missing in training, no groups."""


class ModelLoadError(MfsnError, OSError):
    """A pretrained encoder cannot be loaded: unknown name, no network, not an audio encoder."""


class CacheError(MfsnError, RuntimeError):
    """Root of what can go wrong with the feature cache."""


class MissingRowError(CacheError, LookupError):
    """A digest names a row that no committed shard holds."""


class DamagedRowError(CacheError, ValueError):
    """Stored bytes do not match their checksum."""


class StoreBusyError(CacheError, BlockingIOError):
    """Another process is writing to the same store directory."""


class StoreVersionError(CacheError, ValueError):
    """A store was written with a schema that this version cannot read."""


class StorageFullError(CacheError, OSError):
    """The disk is full; everything committed so far is intact."""


class RangeError(CacheError, OverflowError):
    """A feature value does not fit the storage dtype."""


class ExportError(CacheError, ValueError):
    """An HDF5 file of features is damaged, is none, or does not fit the workspace."""


class RemoteError(CacheError, ConnectionError):
    """An address of shared features cannot be reached, read or written."""


class LicenceError(CacheError, PermissionError):
    """Features would be shared although their recordings' licence does not say so."""


class ReproduceError(MfsnError, RuntimeError):
    """A row of a table of experiments failed, or its outputs are not in DVC's cache."""


class ExtractorVersionError(CacheError, AssertionError):
    """Rows recomputed now differ from the cached: an extractor changed without a new version."""


class ClusterError(MfsnError, ConnectionError):
    """A Ray cluster cannot be reached, does not fit the work, or loses actor after actor."""


class OutputError(MfsnError, PermissionError):
    """A file may not be read or written by this user."""


class TrainingError(MfsnError, RuntimeError):
    """Training cannot start or go on (no finite loss, no rows, a leaked speaker)."""


class PredictionError(MfsnError, ValueError):
    """A prediction table or a request for a prediction does not make sense."""
