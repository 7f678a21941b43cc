"""Connections to Services: addresses for load balancers, and real sockets that forward to ready endpoints."""
