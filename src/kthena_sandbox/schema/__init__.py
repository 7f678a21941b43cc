"""Pure functions over Kubernetes objects and their schemas: no clock, no I/O, inputs stay untouched."""
