"""From objects to decisions: which listener, which route, which backend, and what their status should say."""
