"""Every error that mfsn raises on purpose.

Each class is also a built-in exception that a caller may catch instead. Each message says what is
wrong, where, and what to do next. Any other exception that reaches a user is a bug in mfsn. The
command line and the stages print only the message, and exit with `exit_status`.
"""

from __future__ import annotations


class MfsnError(Exception):
    """The base class; the command line and the stages exit with `exit_status`."""

    exit_status = 1

    def __str__(self) -> str:
        """The message, where the names of files are readable text whatever bytes they have."""
        return readable(super().__str__())


def readable(text: object) -> str:
    r"""A text that can be printed and written: bytes of a file name that are not UTF-8 become \xe9.

    Args:
        text: such as a path.
    """
    return str(text).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class ConfigError(MfsnError, ValueError):
    """A parameter is unknown, misspelt, of the wrong type or out of range."""

    exit_status = 2


class DamagedFileError(MfsnError, ValueError):
    """A file that a stage wrote is not as it was written."""


class UndeclaredParameterError(MfsnError, LookupError):
    """A stage reads a section of params.yaml that its entry in dvc.yaml does not declare, or a fit
    a parameter that its system does not declare.
    """


class WorkspaceError(MfsnError, FileNotFoundError):
    """The current folder is not in a checkout of mfsn (it has no dvc.yaml in it or above it)."""

    exit_status = 2


class CorpusError(MfsnError, ValueError):
    """A corpus is missing, empty, incomplete, or contradicts itself."""


class AudioError(MfsnError, ValueError):
    """A file cannot be decoded, is empty, or contains values that are not numbers."""


class ManifestError(MfsnError, ValueError):
    """A table between stages breaks its schema (duplicate id, missing column, wrong type)."""


class ProtocolError(MfsnError, ValueError):
    """The folds cannot be made: shared speakers, a class missing in training, no groups."""


class ModelLoadError(MfsnError, OSError):
    """A pretrained encoder cannot be loaded: unknown name, no network, not an audio encoder."""


class CacheError(MfsnError, RuntimeError):
    """The base class of errors of the feature cache."""


class MissingRowError(CacheError, LookupError):
    """A digest names a row that is in no committed shard."""


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
    """An HDF5 file is damaged, is not an export of features, or does not fit the workspace."""


class RemoteError(CacheError, ConnectionError):
    """An address of shared features cannot be reached, read or written."""


class LicenceError(CacheError, PermissionError):
    """Features would be shared, but the licence of their recordings may not allow it."""


class ReproduceError(MfsnError, RuntimeError):
    """A row of a table of experiments failed, or its outputs are not in DVC's cache."""


class ExtractorVersionError(CacheError, AssertionError):
    """Recomputed rows differ from the cached ones: an extractor changed without a new version."""


class ClusterError(MfsnError, ConnectionError):
    """A Ray cluster cannot be reached, does not fit the work, or loses too many actors."""


class OutputError(MfsnError, PermissionError):
    """The user may not read or write a file, or the file name is impossible."""


class TrainingError(MfsnError, RuntimeError):
    """Training cannot start or continue (loss not finite, no rows, a leaked speaker)."""


class PredictionError(MfsnError, ValueError):
    """A prediction table or a request for a prediction does not make sense."""
