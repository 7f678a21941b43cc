"""A small HTTP/1.1 server on trio that gives its handlers control over their sockets.

The mock engine has to refuse, stall and cut connections on demand, and to notice at once when a client
leaves; the kubelet serves its logs with the same parts.
"""
