"""The Common Expression Language as far as CRDs use it in `x-kubernetes-validations` (cel.dev, language definition).

An expression that needs more is refused when it is compiled, never when it is evaluated, and never passed over.
"""
