"""Kthena Router: a router for self-hosted LLMs on Kubernetes."""

__version__ = "0.1.0"
