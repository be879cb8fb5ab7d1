"""The tests that archbo's own parts pass, as classes for the parts of other packages to inherit; they need pytest."""

try:
    import pytest
except ImportError as error:
    raise ImportError("archbo.testing needs pytest; install it with: pip install pytest") from error

# So that an assertion in these modules shows its values when it fails.
for _module in ("spaces", "encodings", "predictors", "candidates", "acquisitions", "strategies"):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")
