"""These tests need the extra ``async``."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("aiohttp") else ["test_*.py"]
