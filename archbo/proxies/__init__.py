"""Zero-cost proxies: what scores an architecture before anything is trained."""

from archbo.proxies.table import ProxyTable, read_suite_zero

__all__ = ["ProxyTable", "read_suite_zero"]
