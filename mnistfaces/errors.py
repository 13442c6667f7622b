"""Errors a user can act on: each becomes one line on stderr and an exit code. Anything else keeps its traceback."""


class MnistFacesError(Exception):
    """Something the user can fix: the message says what, where, and what to type next."""

    exit_code = 1


class UsageError(MnistFacesError):
    """A request that cannot be meant: found before any work starts."""

    exit_code = 2


class FileError(MnistFacesError):
    """A file or folder that cannot be read, written or trusted."""


class DataError(MnistFacesError):
    """A dataset that is missing, damaged, or too small for what was asked."""


class FetchError(MnistFacesError):
    """Something that the network did not give, or gave wrong."""


class RunError(MnistFacesError):
    """A run directory that is missing, damaged, or of the wrong kind."""


class WorkerError(MnistFacesError):
    """A worker cannot be used: another version, other data, or out of reach."""


class DeviceMemoryError(MnistFacesError):
    """What was to train side by side does not fit into the device's memory."""
