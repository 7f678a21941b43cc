"""A mock inference engine with the HTTP surface of vLLM and of SGLang.

It also runs by itself: `python -m kthena_sandbox engine --model NAME`.
"""

from kthena_sandbox.engine.engine import Engine
from kthena_sandbox.engine.settings import EngineSettings, SettingsError, parse_settings

__all__ = ["Engine", "EngineSettings", "SettingsError", "parse_settings"]
