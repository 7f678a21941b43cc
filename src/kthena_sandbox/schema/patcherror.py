"""The one error of patching."""


class PatchError(ValueError):
    """The patch is malformed, or does not fit the object."""
