"""Streams of a host's pages, one file a noun."""
