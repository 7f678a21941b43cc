"""The far side: HTTP/1.1 connections to endpoints, pooled per endpoint, and calls over them."""
