"""The one error of patching."""


class PatchError(ValueError):
    """A patch that cannot be applied to the document; the message says why.

    `malformed`: whatever the document is, which a kube-apiserver tells as the client's fault.
    """

    def __init__(self, message: str, *, malformed: bool = False) -> None:
        super().__init__(message)
        self.malformed = malformed
