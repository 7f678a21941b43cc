"""Connections that leave HTTP behind: port-forward over SPDY/3.1 and over WebSockets."""
