"""The platform's own definitions: resources, the worker, housekeeping."""
