"""The names an engine answers to: its base models, and LoRA adapters that come and go."""

from kthena_sandbox.engine.answers import Document, model_card
from kthena_sandbox.engine.requests import bad_request, not_found
from kthena_sandbox.engine.settings import EngineSettings


class Models:
    """Base models and loaded adapters."""

    def __init__(self, settings: EngineSettings, created: int) -> None:
        self._settings = settings
        self._created = created
        self._adapters = dict(settings.lora)

    def check(self, name: str) -> None:
        """Raises RequestError 404 where there is no such model."""
        if name not in self._settings.models and name not in self._adapters:
            raise not_found(f"The model `{name}` does not exist.", "model")

    def load(self, name: str, path: str) -> None:
        """Add an adapter. Raises RequestError 400."""
        if not name or not path:
            raise bad_request("Both 'lora_name' and 'lora_path' must be provided.")
        if name in self._adapters or name in self._settings.models:
            raise bad_request(f"The lora adapter '{name}' has already been loaded.")
        self._adapters[name] = path

    def unload(self, name: str) -> None:
        """Remove an adapter. Raises RequestError 404."""
        if name not in self._adapters:
            raise not_found(f"The lora adapter '{name}' cannot be found.")
        del self._adapters[name]

    def cards(self) -> list[Document]:
        """The entries of `/v1/models`."""
        settings = self._settings
        base = settings.models[0]
        parents = [(name, settings.root, None) for name in settings.models]
        adapters = [(name, path, base) for name, path in self._adapters.items()]
        facts = {
            "created": self._created,
            "owned_by": settings.engine,
            "max_model_len": settings.max_model_len,
        }
        return [
            model_card(name, root, parent, **facts) for name, root, parent in [*parents, *adapters]
        ]
