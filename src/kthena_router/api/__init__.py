"""Kubernetes objects as structs, with only the fields that the router reads."""
