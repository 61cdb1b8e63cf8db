"""Errors, units, keys, hashes, configs and files, which every other package builds on."""
